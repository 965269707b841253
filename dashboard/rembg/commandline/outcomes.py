"""What became of each picture: in a line for people, in JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dashboard.rembg import wording
from dashboard.rembg.answer import Notice, Removed
from dashboard.rembg.commandline.plan import STANDARD, Job
from dashboard.rembg.errors import Fact, RembgError
from dashboard.rembg.pictures import Picture

CREDITS: dict[Fact, int | None] = {"no": 0, "yes": 1, "unknown": None}
COSTS: dict[Fact, str] = {"no": "no credit", "yes": "1 credit", "unknown": "unknown"}
AGAIN = "Run the same command again; what is there already is not sent twice."
LABELS = {
    "done": "done",
    "failed": "FAILED",
    "skipped": "skipped",  # There is a result already, or another's result has its place.
    "checked": "good",  # A dry run would have sent it.
    "not_sent": "not sent",  # The round ended before its turn.
}


@dataclass(frozen=True)
class Outcome:
    """What became of a picture, as `LABELS` has it; `place` is where the result really is."""

    job: Job
    state: str
    message: str = ""
    charged: Fact = "no"
    code: str = ""
    advice: str = ""
    removed: Removed | None = None
    place: Path | None = None
    tries: int = 0

    @property
    def is_failure(self) -> bool:
        """Whether the person does not have what was asked for."""
        return self.state in ("failed", "not_sent")

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What people must see of the result."""
        return self.removed.notices if self.removed else ()

    @property
    def output(self) -> str:
        """Where the result is, or would be."""
        return str(self.place or self.job.target or STANDARD)

    @classmethod
    def done(cls, job: Job, removed: Removed, place: Path | None, *, tries: int) -> Outcome:
        """A result that is in its place."""
        message = _sides(removed.width, removed.height, removed.size)
        message += f", {removed.seconds:.1f} s"
        return cls(job, "done", message, "yes", removed=removed, place=place, tries=tries)

    @classmethod
    def failed(cls, job: Job, error: RembgError, *, tries: int) -> Outcome:
        """An error of the client's."""
        advice = error.to_terminal
        return cls(job, "failed", error.message, error.charged, error.code, advice, tries=tries)

    @classmethod
    def checked(cls, job: Job, picture: Picture) -> Outcome:
        """A picture that a dry run would have sent."""
        sides = _sides(picture.shown_width, picture.shown_height, picture.size)
        return cls(job, "checked", sides)

    def line(self) -> str:
        """Say what happened, what it cost and what to do."""
        text = f"{LABELS[self.state]:<8} {visible(self.job.name)}"
        if self.state in ("done", "checked"):
            text += f" → {visible(self.output)} ({self.message})"
        elif self.message:
            text += f": {self.message}"
        cost = "1 credit if sent" if self.state == "checked" else COSTS[self.charged]
        notes = [cost, *(notice.message for notice in self.notices), self.advice]
        return " · ".join([text, *filter(None, notes)])

    def json(self) -> str:
        """Say the same in one line of JSON; unknown credits are null."""
        removed = self.removed
        document = {
            "input": self.job.name,
            "output": self.output,
            "state": self.state,
            "credits": CREDITS[self.charged],
            "code": self.code or None,
            "message": self.message,
            "advice": self.advice or None,
            "width": removed.width if removed else None,
            "height": removed.height if removed else None,
            "bytes": removed.size if removed else None,
            "seconds": round(removed.seconds, 3) if removed else None,
            "notices": [asdict(notice) for notice in self.notices],
            "request_id": (removed.request_id or None) if removed else None,
            "tries": self.tries,
        }
        return json.dumps(document)


def summary(outcomes: Sequence[Outcome]) -> str:
    """Say how many of each there are, and what all of them cost."""
    states = Counter(LABELS[one.state].lower() for one in outcomes)
    text = ", ".join(f"{count} {label}" for label, count in states.items())
    checked = sum(one.state == "checked" for one in outcomes)
    if checked:
        return f"{text}; {_credits(checked)} if sent"
    costs = Counter(one.charged for one in outcomes)
    text += f"; {_credits(costs['yes'])}"
    return text + (f", unknown for {costs['unknown']}" if costs["unknown"] else "")


def visible(text: str) -> str:
    """Return a file's name without what a terminal would obey."""
    return wording.message(text)


def _credits(count: int) -> str:
    return f"{count} credit" if count == 1 else f"{count} credits"


def _sides(width: int, height: int, size: int) -> str:
    """Return the sides in pixels and the size, in bytes, KB or MB."""
    text = f"{size} bytes" if size < 1000 else f"{size / 1000:.0f} KB"
    if size >= 1_000_000:
        text = f"{size / 1_000_000:.1f} MB"
    return f"{width} × {height} px, {text}"
