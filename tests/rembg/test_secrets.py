"""The key is in no exception, log line or text that came back (promises A4, F26, K1, K2, K5)."""

import base64
import io
import json
import logging
import pickle
import traceback
from urllib.parse import quote

import pytest

from dashboard.rembg import apikey, errors, wording
from dashboard.rembg.client import Client
from tests.ports import refusing
from tests.rembg.conftest import CANARY, QUICK, ROOMY
from tests.rembg.hostile import always, hostile, http, refusal

FORMS = {
    "raw": CANARY,
    "url": quote(CANARY, safe=""),
    "upper": CANARY.upper(),
    "hex": CANARY.encode().hex(),
    "json": json.dumps(CANARY).strip('"').replace("/", "\\/"),
    "reversed": CANARY[::-1],
    **{
        f"base64-{offset}": base64.b64encode(b"x" * offset + CANARY.encode() + b"tail").decode()
        for offset in range(3)
    },
}


def everything(error: BaseException) -> str:
    """Return all that a careless log line could show of an exception, and of its contexts."""
    parts = []
    while error is not None:
        parts += [str(error), repr(error), repr(error.args), repr(vars(error))]
        parts += traceback.format_exception(error)
        for frame, _ in traceback.walk_tb(error.__traceback__):
            assert "site-packages" not in frame.f_code.co_filename  # Their locals hold our headers.
        assert error.__context__ is None or isinstance(error.__context__, errors.RembgError)
        error = error.__cause__ or error.__context__
    return "\n".join(parts)


ANSWERS = {
    "reset": lambda line: line.reset(),
    "no-answer": lambda line: line.request(),
    "not-http": always(b"SSH-2.0\r\n"),
    "echo-400": always(refusal(400, f"Bad {CANARY}")),
    "echo-401": always(refusal(401, f"invalid api key {CANARY}")),
    "echo-500": always(http(500, CANARY.encode())),
    "echo-200": always(http(200, f"<b>{CANARY}</b>".encode(), Content_Type="text/html")),
    "echo-as-picture": always(http(200, CANARY.encode(), Content_Type="image/webp")),
    "echo-at-the-cut": always(http(200, b"a" * 190 + CANARY.encode(), Content_Type="text/html")),
    "redirect": always(http(302, CANARY.encode(), Location=f"/{CANARY}")),
    "short": always(http(200, b"x", Content_Type="image/webp", Content_Length=9)),
    "too-large": always(http(200, Content_Type="image/webp", Content_Length=900_000_000)),
    "silence": lambda line: line.wait(),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_k5_no_fault_shows_the_key(client_of, photo, case, caplog):
    caplog.set_level(logging.DEBUG)

    with hostile(ANSWERS[case]) as server, pytest.raises(errors.RembgError) as caught:
        timeouts = QUICK if case == "silence" else ROOMY
        client_of(server.url, timeouts=timeouts).remove(io.BytesIO(photo), io.BytesIO())

    assert CANARY not in everything(caught.value)
    assert CANARY not in caplog.text
    assert CANARY.encode() in server.heads[0] if server.heads else True


def test_k5_an_unreachable_server_shows_no_key(client_of, photo, caplog):
    caplog.set_level(logging.DEBUG)
    with refusing() as url, pytest.raises(errors.Unreachable) as caught:
        client_of(url).remove(io.BytesIO(photo), io.BytesIO())

    assert CANARY not in everything(caught.value) + caplog.text


def test_k5_a_picture_that_shrinks_shows_no_key(client_of, photo, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo)

    with hostile(lambda line: line.request()) as server, pytest.raises(errors.RembgError) as caught:
        client_of(server.url).remove(
            path, io.BytesIO(), on_upload=lambda progress: path.write_bytes(b"")
        )

    assert type(caught.value) is errors.SourceChanged
    assert CANARY not in everything(caught.value)


def test_the_client_does_not_show_its_key():
    client = Client(CANARY, api_url="http://127.0.0.1:1", site_url="http://127.0.0.1:1")

    assert CANARY not in f"{client!r} {client}"


def test_an_error_survives_being_pickled():
    error = errors.SizeMin("'w' must be at least 1", status=400)

    again = pickle.loads(pickle.dumps(error))

    assert (type(again), again.message, again.status) == (errors.SizeMin, error.message, 400)


@pytest.mark.parametrize("form", FORMS)
def test_f26_a_key_is_redacted_in_every_encoding(form):
    said = wording.message(f"before {FORMS[form]} after", secrets=(CANARY,))

    assert "[redacted]" in said
    assert FORMS[form][4:24] not in said
    assert said.startswith("before ")


@pytest.mark.parametrize("invisible", ["\0", "\u200b", "\u202e", "\x1b", "\u2066"])
def test_f26_invisible_characters_do_not_hide_a_key(invisible):
    hidden = invisible.join(CANARY)

    assert wording.message(hidden, secrets=(CANARY,)) == "[redacted]"
    assert wording.head(hidden.encode(), secrets=(CANARY,)) == "[redacted]"


def test_f26_a_text_is_cut_after_it_is_redacted():
    said = wording.message("a" * 280 + CANARY + "b" * 2000, secrets=(CANARY,))

    assert len(said) <= 300
    assert CANARY[:6] not in said


@pytest.mark.parametrize("around", ["{}\n", " {} ", "\t{}\r\n", "\xa0{}", "\ufeff{}", "\u200b {}"])
def test_k1_white_space_around_a_key_is_dropped(around):
    assert apikey.clean(around.format(CANARY)) == CANARY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        "with space inside",
        "line\nbreak-inside",
        f"x-api-key: {CANARY}",
        "é" * 12,
        "🔑" * 12,
        "k" * 10_240,
        "nul\0inside-it",
    ],
    ids=range(9),
)
def test_k1_k2_what_is_no_key_is_refused_and_not_echoed(text):
    with pytest.raises(errors.MalformedKey) as caught:
        Client(text, api_url="http://127.0.0.1:1", site_url="http://127.0.0.1:1")

    assert str(caught.value) == "This does not look like a RemBG key."
    assert caught.value.sent == "no"
