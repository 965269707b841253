"""One round over the jobs: a few at once, none twice, and an end that leaves nothing half done."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from random import Random
from types import FrameType
from typing import BinaryIO

from dashboard.rembg import errors, retry
from dashboard.rembg.answer import Removed
from dashboard.rembg.client import Client, Phase
from dashboard.rembg.commandline.outcomes import AGAIN, Outcome, State
from dashboard.rembg.commandline.places import Draft
from dashboard.rembg.commandline.plan import Job
from dashboard.rembg.errors import Fact, RembgError
from dashboard.rembg.meter import Progress
from dashboard.rembg.parameters import Parameters
from dashboard.rembg.pictures import MAX_BYTES, Picture
from dashboard.rembg.preparing import prepared

TICK = 0.1  # Seconds between two looks of the caller at what is under way.
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
STOPPED = "The round was stopped before its turn."
GIVEN_UP = "Given up while RemBG was at work."
UNFORESEEN = "This went wrong in a way that nobody foresaw."


class _Stopped(Exception):
    """The round was stopped while a picture waited."""


@dataclass(frozen=True)
class Order:
    """What is asked for every picture, and of whom; no client is a dry run."""

    client: Client | None
    asked: Parameters
    stdin: BinaryIO
    stdout: BinaryIO
    overwrite: bool = False
    keep_metadata: bool = False


@dataclass
class Stage:
    """How far one picture is; written by its worker, read by whoever shows it."""

    job: Job
    phase: Phase | None = None  # None: nothing has been sent yet.
    progress: Progress | None = None
    waits: str = ""
    tries: int = 0
    since: float = field(default_factory=time.monotonic)
    draft: Draft | None = None

    def enter(self, phase: Phase) -> None:
        """Begin a phase."""
        self.phase, self.progress, self.waits = phase, None, ""
        self.since = time.monotonic()

    def report(self, progress: Progress) -> None:
        """Note how far it is within the phase."""
        self.progress = progress


class Round:
    """Works through jobs with a few threads; `run` says what became of each."""

    def __init__(self, order: Order, *, workers: int = 1, random: Random | None = None) -> None:
        self._order = order
        self._workers = workers
        self._random = random or Random()
        self._allowance = retry.Allowance()
        self._waiting: SimpleQueue[Job] = SimpleQueue()
        self._outcomes: SimpleQueue[Outcome | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._interrupted = threading.Event()
        self._given_up = threading.Event()
        self._reason: RembgError | None = None
        self._not_before = 0.0
        self.stages: dict[Job, Stage] = {}

    @property
    def was_interrupted(self) -> bool:
        """Whether a person, not an answer, ended the round."""
        return self._interrupted.is_set()

    def stop(self) -> None:
        """Begin no further picture; the second time, give up those under way as well."""
        if self._interrupted.is_set():
            self._given_up.set()
        self._interrupted.set()
        self._stopping.set()

    def run(self, jobs: Sequence[Job], *, on_tick: Callable[[], None]) -> Iterator[Outcome]:
        """Yield each job's outcome as it comes, calling `on_tick` ten times a second meanwhile.

        What is under way when the round is stopped is finished, for it may be paid for.
        """
        for job in jobs:
            self._waiting.put(job)
        count = min(self._workers, len(jobs))
        for _ in range(count):
            # Daemons, so that a thread in a blocking read does not outlive a round given up.
            threading.Thread(target=self._work, daemon=True).start()
        while count and not self._given_up.is_set():
            try:
                outcome = self._outcomes.get(timeout=TICK)
            except Empty:
                on_tick()
                continue
            if outcome is None:
                count -= 1
            else:
                yield outcome
        yield from self._rest()

    def _rest(self) -> Iterator[Outcome]:
        """Say what became of the jobs that nobody ended, and leave no draft of theirs."""
        while not self._outcomes.empty():
            if outcome := self._outcomes.get():
                yield outcome
        for stage in list(self.stages.values()):
            yield self._left(stage)
        while not self._waiting.empty():
            why = STOPPED if self._reason is None else self._reason.message
            yield Outcome(self._waiting.get(), State.NOT_SENT, why, advice=AGAIN)

    def _left(self, stage: Stage) -> Outcome:
        if stage.draft:
            stage.draft.path.unlink(missing_ok=True)
        if stage.phase is None:
            return Outcome(stage.job, State.NOT_SENT, STOPPED, advice=AGAIN)
        why = errors.OutcomeUnknown(GIVEN_UP if self._given_up.is_set() else UNFORESEEN)
        return Outcome.failed(stage.job, why, tries=stage.tries)

    def _work(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    job = self._waiting.get_nowait()
                except Empty:
                    return
                self.stages[job] = Stage(job)
                outcome = self._one(self.stages[job])
                del self.stages[job]
                self._outcomes.put(outcome)
        finally:
            self._outcomes.put(None)

    def _one(self, stage: Stage) -> Outcome:
        job = stage.job
        if job.refusal:
            state = State.SKIPPED if job.is_done else State.FAILED
            return Outcome(job, state, job.refusal)
        try:
            source = job.source or self._order.stdin.read(MAX_BYTES + 1)
            with prepared(source, keep_metadata=self._order.keep_metadata) as (file, picture):
                if self._order.client is None:
                    return Outcome.checked(job, picture)
                return self._remove(self._order.client, stage, file, picture)
        except _Stopped:
            return Outcome(job, State.NOT_SENT, STOPPED, advice=AGAIN, tries=stage.tries)
        except RembgError as error:
            if isinstance(error, ENDING):
                self._reason = error
                self._stopping.set()
            return Outcome.failed(job, error, tries=stage.tries)
        except OSError as exc:
            charged: Fact = "no" if stage.phase is None else "unknown"
            return Outcome(job, State.FAILED, exc.strerror or str(exc), charged)

    def _remove(self, client: Client, stage: Stage, file: BinaryIO, picture: Picture) -> Outcome:
        job = stage.job
        if job.target is None:
            with tempfile.TemporaryFile() as target:
                removed = self._ask(client, stage, file, target, picture)
                _copy(target, self._order.stdout)
            return Outcome.done(job, removed, None, tries=stage.tries)
        stage.draft = draft = Draft(job.target)
        try:
            removed = self._ask(client, stage, file, draft.file, picture)
            place = draft.place(overwrite=self._order.overwrite)
        finally:
            draft.drop()
        return Outcome.done(job, removed, place, tries=stage.tries)

    def _ask(
        self, client: Client, stage: Stage, file: BinaryIO, target: BinaryIO, picture: Picture
    ) -> Removed:
        """Send a picture, and send it again only where it is certain that this costs nothing."""
        while True:
            self._wait(stage)
            stage.tries += 1
            try:
                return client.remove(
                    file,
                    target,
                    self._order.asked,
                    picture=picture,
                    on_upload=stage.report,
                    on_download=stage.report,
                    on_phase=stage.enter,
                )
            except RembgError as error:
                pause = self._pause(error, stage)
                if pause is None:
                    raise
                stage.phase, stage.waits = None, f"{error.message} Trying again in {pause:.0f} s."
                if self._stopping.wait(pause):
                    raise

    def _pause(self, error: RembgError, stage: Stage) -> float | None:
        """Return the seconds until the next try, or None for none; a limit makes all wait."""
        pause = retry.pause(error, retries=stage.tries - 1, random=self._random)
        if pause is None or stage.tries > MOST_RETRIES or not self._allowance.take("key"):
            return None
        if isinstance(error, errors.Limited | errors.BreakerOpen):
            self._not_before = max(self._not_before, time.monotonic() + pause)
        return pause

    def _wait(self, stage: Stage) -> None:
        """Wait while a limit of the key lasts that another picture has met."""
        while (left := self._not_before - time.monotonic()) > 0:
            stage.waits = stage.waits or f"RemBG asks for a pause of {left:.0f} s."
            if self._stopping.wait(left):
                raise _Stopped


def _copy(target: BinaryIO, stdout: BinaryIO) -> None:
    """Write the whole result to standard output; raise NotStored."""
    try:
        shutil.copyfileobj(target, stdout)
        stdout.flush()
    except OSError as exc:
        raise errors.NotStored(f"Standard output: {exc.strerror}.") from exc


@contextmanager
def stoppable(one: Round) -> Iterator[None]:
    """Let Ctrl-C and a termination signal stop a round in place of the process."""

    def stop(number: int, frame: FrameType | None) -> None:
        one.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
