"""The command: where pictures go, what it says of each, and what it does when things break."""

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from tests.rembg.conftest import drawn
from tests.rembg.hostile import Hostile, Line, always, hostile, http, refusal
from tests.removals.conftest import subject
from tests.waiting import WAIT, wait_until

ROOT = Path(__file__).resolve().parents[2]
KEY = "sandbox-command"
WEBP = http(200, drawn(64, 48, "WEBP"), Content_Type="image/webp")
BUSY = refusal(429, "You're making requests too quickly, Please slow down.", Retry_After=1)


class Terminal(io.StringIO):
    """Standard error, as if somebody sat before it."""

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        """What was to be read, now or before, without colours and moves."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())

    def shows(self, pattern: str) -> bool:
        """Say whether this was to be read, now or before."""
        return re.search(pattern, self.text) is not None


class Said:
    """What a run of the command said, and how it ended."""

    def __init__(self, *arguments: object, err: io.StringIO | None = None) -> None:
        out, err, self.failure, self.code = io.StringIO(), err or io.StringIO(), "", 0
        try:
            call_command("rmbg", *map(str, arguments), stdout=out, stderr=err)
        except CommandError as error:
            self.failure, self.code = str(error), error.returncode
        self.out, self.err = out.getvalue(), err.getvalue()


@pytest.fixture
def here(tmp_path, monkeypatch, settings) -> Path:
    """An empty folder to stand in, and a key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    settings.API_KEY = KEY
    return tmp_path


@pytest.fixture
def photos(here) -> Path:
    """A folder with three pictures at two levels, and something else."""
    folder = Path("photos")
    (folder / "inner").mkdir(parents=True)
    picture = subject("JPEG", (64, 48))
    for name in ("b.jpg", "a.jpg", "inner/c.jpg", ".hidden.jpg"):
        (folder / name).write_bytes(picture)
    (folder / "notes.txt").write_text("no picture")
    return folder


def files(folder: Path | str) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*") if p.is_file())


@pytest.fixture
def serve(settings):
    """Let a script stand in for RemBG."""

    @contextmanager
    def serve(script) -> Iterator[Hostile]:
        with hostile(script) as server:
            settings.REMBG_API_URL = server.url
            yield server

    return serve


def test_a_picture_becomes_a_file_of_the_format_in_its_name(photos, sandbox):
    said = Said(photos / "a.jpg", "-o", "a.png", "-w", 32, "--bg-color", "red")

    with Image.open("a.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (32, 24))
        assert picture.convert("RGB").getpixel((0, 0)) == (255, 0, 0)
    assert said.out.startswith("done     photos/a.jpg → a.png (32 × 24 px, ")
    assert said.out.endswith(" s) · 1 credit\n")
    assert said.err == "1 done; 1 credit\n"
    assert Path("a.png").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("flags", "sides"),
    [
        (["--height", "24"], (32, 24)),
        (["-w", "30", "-H", "30", "--exact"], (30, 30)),
        (["--angle", "-90"], (48, 64)),
        (["--angle", "-90", "--no-expand"], (64, 48)),
        (["--mask", "--format", "png"], (64, 48)),
    ],
)
def test_each_wish_reaches_rembg(photos, sandbox, flags, sides):
    said = Said(photos / "a.jpg", "-o", "out/", *flags)

    (result,) = Path("out").iterdir()
    with Image.open(result) as picture:
        assert picture.size == sides
        assert ("--mask" in flags) == (picture.convert("RGBA").getpixel((0, 0)) == (0, 0, 0, 255))
    assert said.code == 0


def test_a_folder_is_all_pictures_in_it_and_below_it_if_asked(photos, sandbox):
    Said(photos, "-o", "flat")
    Said(photos, "-o", "deep", "--recursive", "--jobs", 2)

    assert files("flat") == ["a.webp", "b.webp"]
    assert files("deep") == ["a.webp", "b.webp", "inner/c.webp"]


def test_the_same_command_again_sends_only_what_is_missing(photos, sandbox):
    Said(photos, "-o", photos / "cut", "--recursive")
    (photos / "cut" / "b.webp").unlink()

    said = Said(photos, "-o", photos / "cut", "--recursive")

    assert "skipped  photos/a.jpg: photos/cut/a.webp exists already" in said.out
    assert said.err == "2 skipped, 1 done; 1 credit\n"
    assert len(sandbox.ledger(KEY)) == 4


def test_results_beside_their_pictures_are_not_taken_for_pictures(photos, sandbox):
    Said(photos, "-o", photos)

    said = Said(photos, "-o", photos)

    assert "photos/a.webp: This is where the result of photos/a.jpg goes." in said.out
    assert said.err == "4 skipped; 0 credits\n"
    assert len(sandbox.ledger(KEY)) == 2


def test_nothing_is_replaced_without_being_told(photos, sandbox):
    Path("a.webp").write_text("mine")

    refused = Said(photos / "a.jpg", "-o", "a.webp")
    assert refused.failure == "a.webp exists already; --overwrite replaces it."
    assert Path("a.webp").read_text() == "mine"

    Said(photos / "a.jpg", "-o", "a.webp", "--overwrite")
    with Image.open("a.webp") as picture:
        assert picture.size == (64, 48)


def test_a_picture_is_never_replaced_by_its_own_result(here, sandbox):
    Path("a.webp").write_bytes(subject("WEBP", (64, 48)))

    said = Said("a.webp", "-o", "./", "--overwrite")

    assert "The result would replace the picture itself. · no credit" in said.err
    assert (said.code, sandbox.ledger(KEY)) == (1, [])


def test_a_file_that_came_meanwhile_stays(photos, serve):
    def script(line: Line) -> None:
        line.request()
        Path("a.webp").write_text("mine")
        line.send(WEBP)

    with serve(script):
        said = Said(photos / "a.jpg", "-o", "a.webp")

    assert "→ a-2.webp" in said.out
    assert Path("a.webp").read_text() == "mine"
    with Image.open("a-2.webp") as picture:
        assert picture.size == (64, 48)


def test_two_that_would_share_a_name_keep_their_extensions(photos, sandbox):
    (photos / "a.png").write_bytes(subject("PNG", (64, 48)))

    Said(photos / "a.jpg", photos / "a.png", photos / "a.jpg", photos / "inner", "-o", "out")

    assert files("out") == ["a.jpg.webp", "a.png.webp", "c.webp"]
    assert len(sandbox.ledger(KEY)) == 3


def test_one_bad_picture_does_not_stop_the_round(photos, sandbox):
    (photos / "a.jpg").write_bytes((photos / "b.jpg").read_bytes()[:-200])

    said = Said(photos, "gone.jpg", photos / "notes.txt", "-o", "out/")

    assert said.code == 1
    assert {"3 failed", "1 done"} == set(said.failure.split(";")[0].split(", "))
    assert files("out") == ["b.webp"]
    assert (
        "FAILED   photos/a.jpg: The image file is incomplete. Please upload it again."
        " · no credit · Copy the whole file again.\n"
    ) in said.err
    assert "FAILED   gone.jpg: There is no such file. · no credit\n" in said.err
    assert "File type '.txt' is not supported." in said.err


@pytest.mark.parametrize(
    ("fault", "lines", "end"),
    [
        (
            "truncated",  # Not sent again, and said to be unknown.
            [
                "FAILED   photos/a.jpg: ",
                " · unknown · Look at the account's usage first; again may",
            ],
            "2 failed; 0 credits, unknown for 2. Asked: http://127.0.0.1:",
        ),
        (
            "bad_key",  # It ends the round.
            [
                "FAILED   photos/a.jpg: invalid api key · no credit · Check the key",
                "not sent photos/b.jpg: invalid api key · no credit",
            ],
            "1 failed, 1 not sent; 0 credits. Asked: http://127.0.0.1:",
        ),
    ],
)
def test_a_fault_is_said_with_its_cost_and_what_to_do(photos, sandbox, fault, lines, end):
    said = Said(photos, "-o", "out/", "--jobs", 1, "--key", f"sandbox-fault-{fault}")

    assert [line for line in lines if line not in said.err] == []
    assert said.failure.startswith(end)
    assert (said.code, files("out")) == (1, [])


def test_a_degraded_picture_is_said_to_be_one_even_when_quiet(here, sandbox):
    Path("big.jpg").write_bytes(subject("JPEG", (800, 600)))

    said = Said("big.jpg", "-o", "out/", "--quiet", "--key", "sandbox-fault-degraded")

    assert "The account may be out of credits." in said.out
    assert said.err == ""


def test_f17_a_short_limit_is_waited_for_and_asked_again(photos, serve):
    answers = [BUSY, WEBP]

    def script(line: Line) -> None:
        line.request()
        line.send(answers.pop(0))

    with serve(script) as server:
        said = Said(photos / "a.jpg", "-o", "out/", "--json")

    assert (server.connections, json.loads(said.out)["tries"]) == (2, 2)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http(503), id="F22"),
        pytest.param(WEBP[:-9], id="F7"),
        pytest.param(http(302, Location="http://127.0.0.1:1/"), id="F23"),
    ],
)
def test_what_may_have_cost_a_credit_is_never_sent_again(photos, answer, serve):
    with serve(always(answer)) as server:
        said = Said(photos / "a.jpg", "-o", "out/")

    assert (server.connections, said.code, files("out")) == (1, 1, [])


def test_json_says_the_same_to_programs(photos, sandbox):
    (photos / "b.jpg").write_bytes(b"")

    said = Said(photos, "-o", "out/", "--json")

    lines = [json.loads(line) for line in said.out.splitlines()]
    done, failed = sorted(lines, key=itemgetter("input"))
    assert (done["input"], done["output"]) == ("photos/a.jpg", "out/a.webp")
    assert (done["credits"], done["width"], done["height"]) == (1, 64, 48)
    assert done["bytes"] == Path("out/a.webp").stat().st_size
    assert (failed["state"], failed["credits"]) == ("failed", 0)
    assert (failed["code"], failed["message"]) == (
        "empty_file",
        "Uploaded file is empty (0 bytes).",
    )


def test_a_dry_run_checks_and_sends_nothing(photos, settings, serve):
    settings.API_KEY = ""
    (photos / "b.jpg").write_bytes(b"")

    with serve(always(WEBP)) as server:
        said = Said(photos, "-o", "out/", "--dry-run")

    assert re.search(
        r"good     photos/a.jpg → out/a.webp \(64 × 48 px, .+\) · 1 credit if", said.out
    )
    assert "FAILED   photos/b.jpg: Uploaded file is empty" in said.err
    assert (server.connections, said.code, Path("out").exists()) == (0, 1, False)


ONE = ("photos/a.jpg", "-o", "out/")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param([*ONE, "-w", "abc"], "'w' must be an integer, got: 'abc'", id="size_type"),
        pytest.param([*ONE, "-H", "0.5"], "'h' must be an integer, got: '0.5'", id="size_type-h"),
        pytest.param([*ONE, "--angle", "ninety"], "'angle' must be a number, got", id="angle_type"),
        pytest.param([*ONE, "--format", "gif"], "Invalid format 'gif'. Allowed", id="format"),
        pytest.param([*ONE, "--bg-color", "#12345"], "Invalid color format '#12345'", id="color"),
        pytest.param([*ONE, "--mask", "--bg-color", "red"], "Cannot use 'mask=true'", id="mask_bg"),
        pytest.param([*ONE, "-w", "x", "-H", "y"], "got: 'x'; 'h' must be an", id="several"),
        pytest.param([*ONE, "--jobs", "17"], "a number from 1 to 16, not 17", id="jobs"),
        pytest.param([*ONE, "--key-file", "gone"], "gone: No such file or directory", id="no-file"),
        pytest.param(
            [*ONE, "--key", KEY, "--api-url", "http://example.com"], "is for loopback only", id="A5"
        ),
        pytest.param([*ONE, "--key", "a\nb"], "This does not look like a RemBG key.", id="K1"),
        pytest.param(
            [*ONE],
            "There is no API key. Set API_KEY in the environment or in .env, or use --key-file.",
            id="no-key",
        ),
        (["photos", "-o", "-"], "Standard output takes one picture only."),
        (["", "-o", "out/"], "INPUT and OUTPUT must not be empty."),
        ([*ONE[:1], "-o", ""], "INPUT and OUTPUT must not be empty."),
        (["-", "-", "-o", "out/"], "Standard input can be read once only."),
        (["photos", "-o", "file.webp"], "file.webp is a file, and there are several pictures."),
        (["photos/a.jpg", "-o", "x.png", "--format", "webp"], "x.png is not the name of a webp"),
        (["photos/a.jpg", "-o", "x.gif"], "Invalid format 'gif'."),
        (["photos/a.jpg", "-o", "-", "--json"], "can hold the picture or JSON, not both."),
    ],
)
def test_a_wrong_wish_is_refused_before_anything_is_done(photos, settings, arguments, sentence):
    settings.API_KEY = ""
    Path("file.webp").touch()

    assert sentence in Said(*arguments).failure
    assert not Path("out").exists()


def test_an_output_that_cannot_be_made_is_named_and_not_the_picture(photos, sandbox):
    Path("taken").write_bytes(b"a file, not a folder")

    said = Said(photos / "a.jpg", "-o", "taken/deep/a.webp")

    assert said.code == 1
    assert "FAILED   photos/a.jpg: taken" in said.err and "no credit" in said.err


def test_a_folder_without_pictures_is_a_failure(photos, sandbox):
    Path("empty").mkdir()

    said = Said("empty", photos / "a.jpg", "-o", "out/")

    assert "FAILED   empty: There are no pictures in this folder." in said.err
    assert files("out") == ["a.webp"]


def test_the_key_may_stand_in_a_file(photos, sandbox):
    Path("key").write_text("sandbox-from-file\n")

    Said(photos / "a.jpg", "-o", "out/", "--key-file", "key")

    assert len(sandbox.ledger("sandbox-from-file")) == 1


def test_a_key_that_we_issued_goes_to_our_own_gateway_and_no_other(photos, settings):
    virtual = "rbk_" + "x" * 49
    with hostile(always(WEBP)) as ours, hostile(always(WEBP)) as rembg, hostile(always(WEBP)) as it:
        settings.SITE_URL, settings.REMBG_API_URL = ours.url, rembg.url

        Said(photos / "a.jpg", "-o", "1/", "--key", virtual)
        assert (ours.connections, rembg.connections) == (1, 0)
        Said(photos / "a.jpg", "-o", "2/", "--key", "another-key")
        assert (ours.connections, rembg.connections) == (1, 1)
        Said(photos / "a.jpg", "-o", "3/", "--key", virtual, "--api-url", it.url)
        assert (ours.connections, rembg.connections, it.connections) == (1, 1, 1)


def test_a_key_is_in_nothing_that_is_said(photos, serve):
    key = "c4n4ry-9f86d081-8884c7d6"
    with serve(always(refusal(401, f"invalid api key {key}"))):
        said = Said(photos, "-o", "out/", "--key", key)

    assert key not in said.out + said.err + said.failure
    assert "[redacted]" in said.err


def test_a_terminal_sees_a_bar_for_each_picture_and_lines_above_it(photos, serve):
    def script(line: Line) -> None:
        line.request()
        wait_until(lambda: terminal.shows(working), "the bar to say so")
        line.send(WEBP)

    working, terminal = r"a\.jpg +━+ +RemBG is working +0:00:\d\d", Terminal()
    with serve(script):
        said = Said(photos, "-o", "out/", err=terminal)

    assert terminal.shows(r"b\.jpg +━+ ")
    assert terminal.text.endswith("2 done; 2 credits\n")
    assert said.out.count("done ") == 2


def test_a_bar_fills_as_the_picture_goes_up(photos, serve):
    Path("big.bmp").write_bytes(drawn(2400, 2400, "BMP"))

    def script(line: Line) -> None:
        line.head()
        while not terminal.shows(bar) and line.sock.recv(1 << 18):
            line.wait(0.05)
        line.reset()

    bar, terminal = r"big\.bmp +[━╺╸]+ +[1-9]\d?% sending", Terminal()
    with serve(script):
        said = Said("big.bmp", "-o", "out/", err=terminal)

    assert terminal.shows(bar) and "big.bmp" in said.err
    assert "unknown" in said.err


def test_names_cannot_talk_to_the_terminal(here, sandbox):
    name = "a\x1b[31m\u202eb.jpg"
    Path(name).write_bytes(subject("JPEG", (64, 48)))

    said = Said(name, "-o", "out/", err=Terminal())

    assert "done     a[31mb.jpg → out/a[31mb.webp" in said.out
    assert "a\x1b[31mb" not in said.out + said.err and "\u202e" not in said.out + said.err


def test_a_result_without_a_place_is_kept_and_named(photos, serve):
    def script(line: Line) -> None:
        line.request()
        Path("a.webp").mkdir()
        line.send(WEBP)

    with serve(script):
        said = Said(photos / "a.jpg", "-o", "a.webp", "--overwrite", "--json")

    failed = json.loads(said.out)
    assert (failed["state"], failed["credits"]) == ("failed", 1)
    kept = Path(re.search(r"The result is kept as (\S+)\.$", failed["message"])[1])
    with Image.open(kept) as picture:
        assert picture.size == (64, 48)


def process(*arguments: object, url: str, **options: object) -> subprocess.Popen:
    environment = {**os.environ, "REMBG_API_URL": url, "API_KEY": KEY}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "rmbg", *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def test_standard_input_becomes_standard_output(here, sandbox):
    with process("-", "-o", "-", "--format", "png", url=sandbox.url, stdin=subprocess.PIPE) as run:
        out, err = run.communicate(subject("JPEG", (64, 48)), timeout=WAIT)

    with Image.open(io.BytesIO(out)) as picture:
        assert (picture.format, picture.size) == ("PNG", (64, 48))
    assert err.decode().splitlines()[-1] == "1 done; 1 credit"


@pytest.mark.parametrize("signals", [1, 2])
def test_an_interruption_leaves_nothing_half_done(photos, signals):
    started, go = threading.Event(), threading.Event()

    def script(line: Line) -> None:
        line.request()
        started.set()
        go.wait(WAIT)
        line.send(WEBP)

    with hostile(script) as server:
        with process(photos, "-o", "out/", "--jobs", 1, url=server.url) as run:
            assert started.wait(WAIT)
            run.send_signal(signal.SIGINT)
            assert run.stderr.readline().startswith(b"Finishing what is under way")
            if signals == 2:
                run.send_signal(signal.SIGINT)
            else:
                go.set()
            out, err = run.communicate(timeout=WAIT)
        go.set()

    assert run.returncode == 130
    assert b"not sent photos/b.jpg" in err
    if signals == 1:
        assert files("out") == ["a.webp"]
        assert b"1 done, 1 not sent; 1 credit\n" in err
    else:
        assert files("out") == []
        assert b"FAILED   photos/a.jpg: Given up while RemBG was at work. \xc2\xb7 unknown" in err


def test_the_lines_of_the_documents_run_as_written(photos, sandbox):
    text = (ROOT / "docs" / "python.md").read_text()
    for name in ("shoe.jpg", "mug.jpg"):
        Path(name).write_bytes(subject("JPEG", (64, 48)))

    lines = re.findall(r"^python manage\.py rmbg ([^<\n]+)$", text, re.M)

    assert len(lines) >= 5
    for line in lines:
        assert Said(*shlex.split(line)).code == 0, line
