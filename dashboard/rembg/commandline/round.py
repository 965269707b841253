"""One round over the jobs: a few at once, none twice, and an end that leaves nothing half done."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from multiprocessing import TimeoutError
from multiprocessing.pool import ThreadPool
from pathlib import Path
from random import Random
from types import FrameType
from typing import BinaryIO

from rich.console import Console
from rich.progress import BarColumn, Task, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Column

from dashboard.rembg import errors, retry
from dashboard.rembg.answer import Removed
from dashboard.rembg.client import MAX_ANSWER, Client, TransferPhase
from dashboard.rembg.commandline.outcomes import AGAIN, Outcome, visible
from dashboard.rembg.commandline.plan import Job, numbered
from dashboard.rembg.errors import Fact, RembgError
from dashboard.rembg.files import prepared
from dashboard.rembg.parameters import Parameters
from dashboard.rembg.pictures import MAX_BYTES, Picture
from dashboard.rembg.progress import Progress

TICK = 0.1  # Seconds between two looks at whether a person wants to stop.
MOST_RETRIES = 5
# After one of these, every further picture would only hear the same.
ENDING = (
    errors.BadKey,
    errors.Unverified,
    errors.TwoCredentials,
    errors.RateDaily,
    errors.RateMonthly,
    errors.BudgetSpent,
    errors.TlsFailed,
    errors.Redirected,
)
FINISHING = "Finishing what is under way, for it may be paid for. Ctrl-C again gives it up."
STOPPED = "The round was stopped before its turn."
GIVEN_UP = "Given up while RemBG was at work."
WORDS = {
    TransferPhase.SENDING: "sending",
    TransferPhase.WAITING: "RemBG is working",
    TransferPhase.RECEIVING: "receiving",
}


class _Stopped(Exception):
    """The round was stopped while a picture waited."""


class _Stage:
    """How far one picture is: its bar, its tries, and the file that its result grows in."""

    def __init__(self, job: Job, bars: Bars) -> None:
        self.job = job
        self.tries = 0
        self.is_sent = False  # Once a byte of it may have left.
        self.draft: Path | None = None
        self._bars = bars
        bar = bars.add_task(visible(job.below.name), total=None, what="checking")
        self._task: Task = next(task for task in bars.tasks if task.id == bar)

    def enter(self, phase: TransferPhase) -> None:
        """Begin a phase."""
        self.is_sent = True
        self.say(WORDS[phase])

    def say(self, what: str) -> None:
        """Show what is happening now, for how long nobody knows."""
        self._bars.reset(self._task.id, what=what)
        self._task.total = None

    def report(self, progress: Progress) -> None:
        """Show how far it is within the phase."""
        self._bars.update(self._task.id, completed=progress.loaded, total=progress.total)

    def end(self) -> None:
        """Take the bar away."""
        self._bars.remove_task(self._task.id)


@dataclass
class RemovalRound:
    """Works through jobs, some at once; `run` says what became of each. No client is a dry run.

    On a terminal the console shows how far those under way are, elsewhere why one has to wait; a
    silent round does neither.
    """

    client: Client | None
    asked: Parameters
    console: Console
    workers: int = 1
    overwrite: bool = False
    keep_metadata: bool = False
    is_silent: bool = False
    interruptions: int = 0

    def __post_init__(self) -> None:
        is_live = self.console.is_terminal and not self.is_silent
        self._bars = _bars(self.console, is_live=is_live)
        self._random = Random()
        self._allowance = retry.Allowance()
        self._stages: dict[Job, _Stage] = {}
        self._stopping = threading.Event()
        self._why = STOPPED
        self._not_before = 0.0

    def stop(self) -> None:
        """Begin no further picture; the second time, give up those under way as well."""
        self.interruptions += 1
        self._stopping.set()

    def run(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Yield each job's outcome as it comes.

        What is under way when the round is stopped is finished, for it may be paid for.
        """
        left, is_told = dict.fromkeys(jobs), False
        # Its threads are daemons: one in a blocking read does not outlive a round given up.
        with ThreadPool(min(self.workers, len(jobs))) as pool, self._bars:
            outcomes = pool.imap_unordered(self._one, jobs)
            while left and self.interruptions < 2:
                if self.interruptions and not is_told:
                    is_told = True
                    self.console.out(FINISHING, highlight=False)
                try:
                    outcome = outcomes.next(timeout=TICK)
                except TimeoutError:
                    continue
                del left[outcome.job]
                yield outcome
        yield from map(self._given_up, left)

    def _given_up(self, job: Job) -> Outcome:
        stage = self._stages.get(job)
        if stage is None or not stage.is_sent:
            return Outcome(job, "not_sent", STOPPED, advice=AGAIN)
        if stage.draft:
            stage.draft.unlink(missing_ok=True)
        return Outcome.failed(job, errors.OutcomeUnknown(GIVEN_UP), tries=stage.tries)

    def _one(self, job: Job) -> Outcome:
        if self._stopping.is_set():
            return Outcome(job, "not_sent", self._why, advice=AGAIN)
        if job.refusal:
            return Outcome(job, "skipped" if job.is_done else "failed", job.refusal)
        stage = self._stages[job] = _Stage(job, self._bars)
        try:
            source = job.source or sys.stdin.buffer.read(MAX_BYTES + 1)
            with prepared(source, keep_metadata=self.keep_metadata) as (file, picture):
                if self.client is None:
                    return Outcome.checked(job, picture)
                return self._remove(self.client, stage, file, picture)
        except _Stopped:
            return Outcome(job, "not_sent", STOPPED, advice=AGAIN, tries=stage.tries)
        except RembgError as error:
            if isinstance(error, ENDING):
                self._why = error.message
                self._stopping.set()
            return Outcome.failed(job, error, tries=stage.tries)
        except OSError as exc:
            charged: Fact = "unknown" if stage.is_sent else "no"
            return Outcome(job, "failed", _told(exc, job), charged)
        finally:
            stage.end()

    def _remove(self, client: Client, stage: _Stage, file: BinaryIO, picture: Picture) -> Outcome:
        job, place = stage.job, stage.job.target
        if place is None:
            with tempfile.TemporaryFile() as target:
                removed = self._ask(client, stage, file, target, picture)
                _copy(target, sys.stdout.buffer)
        else:
            stage.draft = _draft(place)
            with stage.draft.open("w+b") as target:
                try:
                    removed = self._ask(client, stage, file, target, picture)
                except BaseException:
                    stage.draft.unlink(missing_ok=True)
                    raise
                place = _keep(target, stage.draft, place, overwrite=self.overwrite)
        return Outcome.done(job, removed, place, tries=stage.tries)

    def _ask(
        self, client: Client, stage: _Stage, file: BinaryIO, target: BinaryIO, picture: Picture
    ) -> Removed:
        """Send a picture, and send it again only where it is certain that this costs nothing."""
        while True:
            self._wait(stage)
            stage.tries += 1
            try:
                return client.remove(
                    file,
                    target,
                    self.asked,
                    picture=picture,
                    on_upload=stage.report,
                    on_download=stage.report,
                    on_phase=stage.enter,
                )
            except RembgError as error:
                pause = self._pause(error, stage)
                if pause is None:
                    raise
                stage.is_sent = False
                self._tell(stage, f"{error.message} Trying again in {ceil(pause)} s.")
                if self._stopping.wait(pause):
                    raise

    def _pause(self, error: RembgError, stage: _Stage) -> float | None:
        """Return the seconds until the next try, or None for none; a limit makes all wait."""
        pause = retry.pause(error, retries=stage.tries - 1, random=self._random)
        if pause is None or stage.tries > MOST_RETRIES or not self._allowance.take("key"):
            return None
        if isinstance(error, errors.Limited | errors.BreakerOpen):
            self._not_before = max(self._not_before, time.monotonic() + pause)
        return pause

    def _wait(self, stage: _Stage) -> None:
        """Wait while a limit of the key lasts that another picture has met."""
        while (left := self._not_before - time.monotonic()) > 0:
            if not stage.tries:
                self._tell(stage, f"RemBG asks for a pause of {left:.0f} s.")
            if self._stopping.wait(left):
                raise _Stopped

    def _tell(self, stage: _Stage, why: str) -> None:
        stage.say(why)
        if self._bars.disable and not self.is_silent:
            self.console.out(f"waits    {visible(stage.job.name)}: {why}", highlight=False)


def _bars(console: Console, *, is_live: bool) -> Bars:
    """Return a bar for each picture under way, at the bottom of a terminal."""
    name = Column(no_wrap=True, overflow="ellipsis", max_width=28)
    return Bars(
        TextColumn("{task.description}", markup=False, table_column=name),
        BarColumn(20),
        TaskProgressColumn(),
        TextColumn("{task.fields[what]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not is_live,
    )


@contextmanager
def stoppable(one: RemovalRound) -> Iterator[None]:
    """Let Ctrl-C and a termination signal stop a round in place of the process."""

    def stop(number: int, frame: FrameType | None) -> None:
        one.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _told(exc: OSError, job: Job) -> str:
    """Say what was refused, and of which file where that is not the picture itself."""
    reason = exc.strerror or str(exc)
    if exc.filename is None or str(exc.filename) == str(job.source):
        return reason
    return f"{exc.filename}: {reason}"


def _copy(target: BinaryIO, stdout: BinaryIO) -> None:
    """Write the whole result to standard output; raise NotStored."""
    try:
        shutil.copyfileobj(target, stdout)
        stdout.flush()
    except OSError as exc:
        raise errors.NotStored(f"Standard output: {exc.strerror}.") from exc


def _draft(target: Path) -> Path:
    """Make a file beside the result's place; raise OSError where there is no room for it (R5)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(target.parent).free < MAX_ANSWER:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".rembg-", suffix=".part")
    os.close(handle)
    return Path(name)


def _keep(file: BinaryIO, draft: Path, target: Path, *, overwrite: bool) -> Path:
    """Put a whole result in its place and return that; raise NotStored, keeping the draft.

    Without `overwrite`, a file that has come there meanwhile stays, and ours gets a number.
    """
    try:
        file.flush()
        os.fsync(file.fileno())
        return draft.replace(
            target if overwrite else next(path for path in numbered(target) if not path.exists())
        )
    except OSError as exc:
        raise errors.NotStored(f"{exc.strerror}. The result is kept as {draft}.") from exc
