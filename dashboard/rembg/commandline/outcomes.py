"""What became of each picture: in a line for people, in JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from dashboard.rembg import errors, wording
from dashboard.rembg.answer import Removed
from dashboard.rembg.commandline.plan import STANDARD, Job
from dashboard.rembg.errors import Fact, RembgError
from dashboard.rembg.pictures import Picture

CREDITS: dict[Fact, int | None] = {"no": 0, "yes": 1, "unknown": None}
COSTS: dict[Fact, str] = {"no": "no credit", "yes": "1 credit", "unknown": "unknown"}
AGAIN = "Run the same command again; what is there already is not sent twice."
LATER = "Run the same command again in some minutes."
# The first class that an error belongs to decides what is advised.
ADVICE: tuple[tuple[type[RembgError], str], ...] = (
    (errors.MalformedKey, "Check the key: it was cut, or has a character too many."),
    (errors.Unverified, "Confirm the e-mail address of the RemBG account."),
    (errors.AccountRefused, "Check the key, and that it belongs to the address asked."),
    (errors.RateDaily, "The limit ends at 00:00 UTC; then run the same command again."),
    (errors.RateMonthly, "Wait for the account's renewal or buy credits; then run it again."),
    (errors.BudgetSpent, "Ask an owner or admin of the team to raise it."),
    (errors.Limited, LATER),
    (errors.TlsFailed, "Check the clock and the certificates of this machine."),
    (errors.NotSent, LATER),
    (errors.Truncated, "Copy the whole file again."),
    (errors.PictureRefused, "Choose another picture."),
    (errors.Refused, "Change what is asked."),
    (errors.Redirected, "Check the address that was asked."),
    (errors.NotStored, "Make room on the disk, and look there before running it again."),
    (errors.RembgError, "Look at the account's usage first; again may cost a second credit."),
)


class State(StrEnum):
    """What became of a picture."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"  # There is a result already, or another's result has its place.
    CHECKED = "checked"  # A dry run would have sent it.
    NOT_SENT = "not_sent"  # The round ended before its turn.


@dataclass(frozen=True)
class Outcome:
    """One picture's end: its job's target is where the result really is."""

    job: Job
    state: State
    message: str = ""
    charged: Fact = "no"
    code: str = ""
    advice: str = ""
    removed: Removed | None = None
    tries: int = 0

    @property
    def is_failure(self) -> bool:
        """Whether the person does not have what was asked for."""
        return self.state in (State.FAILED, State.NOT_SENT)

    @property
    def has_notices(self) -> bool:
        """Whether people must look at the result."""
        return self.removed is not None and bool(self.removed.notices)

    @classmethod
    def done(cls, job: Job, removed: Removed, place: Path | None, *, tries: int) -> Outcome:
        """A result that is in its place."""
        message = f"{removed.width} × {removed.height} px, {_bytes(removed.size)}, "
        return cls(
            replace(job, target=place),
            State.DONE,
            message + f"{removed.seconds:.1f} s",
            "yes",
            removed=removed,
            tries=tries,
        )

    @classmethod
    def failed(cls, job: Job, error: RembgError, *, tries: int) -> Outcome:
        """An error of the client's."""
        advice = next(text for leaf, text in ADVICE if isinstance(error, leaf))
        return cls(job, State.FAILED, error.message, error.charged, error.code, advice, tries=tries)

    @classmethod
    def checked(cls, job: Job, picture: Picture) -> Outcome:
        """A picture that a dry run would have sent."""
        size = f"{picture.shown_width} × {picture.shown_height} px, {_bytes(picture.size)}"
        return cls(job, State.CHECKED, size)

    def line(self) -> str:
        """Say what happened, what it cost and what to do."""
        parts = [f"{LABELS[self.state]:<8} {visible(self.job.name)}"]
        if self.state in (State.DONE, State.CHECKED):
            parts.append(f" → {visible(_target(self.job))} ({self.message})")
        elif self.message:
            parts.append(f": {self.message}")
        parts.append(" · 1 credit if sent" if self.state is State.CHECKED else f" · {self.cost}")
        notices = self.removed.notices if self.removed else ()
        parts += [f" · {notice.message}" for notice in notices]
        return "".join(parts) + (f" · {self.advice}" if self.advice else "")

    @property
    def cost(self) -> str:
        """What the picture cost, in words."""
        return COSTS[self.charged]

    def json(self) -> str:
        """Say the same in one line of JSON; unknown credits are null."""
        removed = self.removed
        document = {
            "input": self.job.name,
            "output": _target(self.job),
            "state": self.state.value,
            "credits": CREDITS[self.charged],
            "code": self.code or None,
            "message": self.message,
            "advice": self.advice or None,
            "width": removed.width if removed else None,
            "height": removed.height if removed else None,
            "bytes": removed.size if removed else None,
            "seconds": round(removed.seconds, 3) if removed else None,
            "notices": [asdict(notice) for notice in removed.notices] if removed else [],
            "request_id": (removed.request_id or None) if removed else None,
            "tries": self.tries,
        }
        return json.dumps(document)


LABELS = {
    State.DONE: "done",
    State.FAILED: "FAILED",
    State.SKIPPED: "skipped",
    State.CHECKED: "good",
    State.NOT_SENT: "not sent",
}


def summary(outcomes: Iterable[Outcome]) -> str:
    """Say how many of each there are, and what all of them cost."""
    known = list(outcomes)
    states = Counter(LABELS[one.state].lower() for one in known)
    parts = [f"{count} {label}" for label, count in states.items()]
    checked = sum(one.state is State.CHECKED for one in known)
    if checked:
        return ", ".join(parts) + f"; {_credits(checked)} if sent"
    costs = Counter(one.charged for one in known)
    text = ", ".join(parts) + f"; {_credits(costs['yes'])}"
    return text + (f", unknown for {costs['unknown']}" if costs["unknown"] else "")


def visible(text: str) -> str:
    """Return a file's name without what a terminal would obey."""
    return wording.message(text)


def _target(job: Job) -> str:
    return STANDARD if job.target is None else str(job.target)


def _credits(count: int) -> str:
    return f"{count} credit" if count == 1 else f"{count} credits"


def _bytes(count: int) -> str:
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.0f} KB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"
