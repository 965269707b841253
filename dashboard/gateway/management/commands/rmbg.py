"""Remove backgrounds from the command line."""

from __future__ import annotations

import io
from argparse import ArgumentTypeError
from pathlib import Path
from typing import IO, Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from rich.console import Console

from dashboard.rembg import errors
from dashboard.rembg.client import Client
from dashboard.rembg.commandline import plan
from dashboard.rembg.commandline.outcomes import Outcome, summary
from dashboard.rembg.commandline.round import RemovalRound, stoppable
from dashboard.rembg.parameters import Parameters
from dashboard.rembg.wire import Timeouts

VIRTUAL = "rbk_"  # How the keys begin that we issue; our own gateway takes them.
MOST_JOBS = 16
INTERRUPTED = 130  # What shells expect after Ctrl-C.
FIELDS = ("w", "h", "exact_resize", "mask", "bg_color", "angle", "expand")


class Command(BaseCommand):
    help = "Remove the background of pictures. Each costs one credit; the key is API_KEY."
    requires_system_checks: list[str] = []  # It needs no database.

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("inputs", nargs="+", metavar="INPUT", help="a picture, a folder of them, - for stdin")
        add(
            "-o",
            "--output",
            required=True,
            help="a file, - for stdout, or a folder: it ends in /, exists, or has to hold several",
        )
        _add_wishes(parser)
        _add_key(parser)
        _add_manners(parser)

    def handle(self, *, inputs: list[str], **options: Any) -> None:
        if options["json"] and options["output"] == plan.STANDARD:
            raise CommandError("Standard output can hold the picture or JSON, not both.")
        try:
            asked, jobs = _planned(inputs, options)
            client, address = (None, "") if options["dry_run"] else _client(options)
        except (plan.PlanError, errors.RembgError, ValueError, OSError) as exc:
            raise CommandError(_sentence(exc)) from exc
        file = cast("IO[str]", _AsItIs(self.stderr))
        console = Console(file=file, no_color=options["no_color"] or None)
        work = RemovalRound(
            client,
            asked,
            console,
            workers=options["jobs"],
            overwrite=options["overwrite"],
            keep_metadata=options["keep_metadata"],
            is_silent=options["quiet"] or options["json"],
        )
        outcomes = []
        with stoppable(work):
            for outcome in work.run(jobs):
                self.say(outcome, console, options)
                outcomes.append(outcome)
        self.end(outcomes, work, address, options)

    def say(self, outcome: Outcome, console: Console, options: dict[str, Any]) -> None:
        """Say what became of one picture; failures on standard error, above the bars."""
        is_one_terminal = console.is_terminal and self.stdout.isatty()
        if options["json"]:
            self.stdout.write(outcome.json())
        elif outcome.is_failure:
            console.out(outcome.line(), style="bold red", highlight=False)
        elif options["quiet"] and not outcome.notices:
            pass
        elif options["output"] == plan.STANDARD or is_one_terminal:
            console.out(outcome.line(), highlight=False)
        else:
            self.stdout.write(outcome.line())
        self.stdout.flush()

    def end(
        self, outcomes: list[Outcome], work: RemovalRound, address: str, options: dict[str, Any]
    ) -> None:
        """Say what it all came to; fail if a picture did."""
        text = summary(outcomes)
        if address and any(one.state == "failed" and one.tries for one in outcomes):
            text += f". Asked: {address}"
        if work.interruptions:
            raise CommandError(text, returncode=INTERRUPTED)
        if any(one.is_failure for one in outcomes):
            raise CommandError(text)
        if not options["quiet"]:
            self.stderr.write(text, str)


class _AsItIs(io.TextIOBase):
    """Standard error for bars: Django's own ends each piece of text as a line."""

    def __init__(self, wrapper: OutputWrapper) -> None:
        self._wrapper = wrapper

    def write(self, text: str) -> int:
        self._wrapper.write(text, str, ending="")
        return len(text)

    def flush(self) -> None:
        self._wrapper.flush()

    def isatty(self) -> bool:
        return self._wrapper.isatty()


def _add_wishes(parser: CommandParser) -> None:
    add = parser.add_argument_group("what is asked of RemBG").add_argument
    add("--format", help="webp, png, jpeg or bmp; by default what OUTPUT's name says, or webp")
    add("-w", "--width", dest="w", metavar="PX", help="the proportions stay")
    add("-H", "--height", dest="h", metavar="PX", help="the proportions stay")
    add("--exact", dest="exact_resize", action="store_true", help="exactly width × height")
    add("--mask", action="store_true", help="the alpha mask alone")
    add("--bg-color", metavar="COLOUR", help="#RGB, #RGBA, #RRGGBB, #RRGGBBAA or a name")
    add("--angle", metavar="DEGREES", help="-360 to 360, after the removal")
    add("--no-expand", dest="expand", action="store_false", help="crop a turned picture")
    add(
        "--keep-metadata",
        action="store_true",
        help="send place, camera and previews along with the picture, too",
    )


def _add_key(parser: CommandParser) -> None:
    group = parser.add_argument_group("whom to ask")
    group.add_argument("--api-url", help="by default this site for a key rbk_…, RemBG for others")
    keys = group.add_mutually_exclusive_group()
    keys.add_argument("--key", help="other users of this machine can see it: rather use API_KEY")
    keys.add_argument("--key-file", type=Path, metavar="FILE", help="a file with the key alone")


def _add_manners(parser: CommandParser) -> None:
    add = parser.add_argument_group("how to go about it").add_argument
    add("--recursive", action="store_true", help="the folders in a folder, too")
    add("--overwrite", action="store_true", help="replace results that are there already")
    add("--jobs", type=_jobs, default=4, metavar="N", help="pictures at once, 1 to 16 (4)")
    add("--dry-run", action="store_true", help="check everything here and send nothing")
    add("--quiet", action="store_true", help="say nothing but failures, and what looks wrong")
    add("--json", action="store_true", help="say one line of JSON a picture")


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_JOBS:
        raise ArgumentTypeError(f"a number from 1 to {MOST_JOBS}, not {text}")
    return int(text)


def _planned(inputs: list[str], options: dict[str, Any]) -> tuple[Parameters, list[plan.Job]]:
    output = options["output"]
    wanted = plan.format_of(inputs, output, options["format"])
    given = {name: options[name] for name in FIELDS if options[name] is not None}
    texts = {n: str(v).lower() if isinstance(v, bool) else v for n, v in given.items()}
    asked = Parameters.parse([("format", wanted), *texts.items()])
    jobs = plan.plan(
        inputs,
        output,
        format=asked.format,
        recursive=options["recursive"],
        overwrite=options["overwrite"],
    )
    return asked, jobs


def _client(options: dict[str, Any]) -> tuple[Client, str]:
    """Return a client for the key, and the address that it asks."""
    file: Path | None = options["key_file"]
    key = (options["key"] or settings.API_KEY) if file is None else file.read_text().strip()
    if not key:
        raise errors.MalformedKey(
            "There is no API key. Set API_KEY in the environment or in .env, or use --key-file."
        )
    home = settings.SITE_URL if key.startswith(VIRTUAL) else settings.REMBG_API_URL
    address = options["api_url"] or home
    deadline = settings.REMBG_DEADLINE_SECONDS
    timeouts = Timeouts(answer=deadline, total=deadline)
    return Client(key, api_url=address, site_url=address, timeouts=timeouts), address


def _sentence(error: Exception) -> str:
    if isinstance(error, errors.InvalidFields):
        return "; ".join(problem.message for problem in error.details)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return str(error)
