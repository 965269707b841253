"""Progress of a transfer, in the fields that rembg.js reports (contract 3)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

EVERY = 0.1  # Seconds between two reports; the last one always comes.


@dataclass(frozen=True)
class Progress:
    """One report: bytes so far, in all and since the last; 0..1; bytes a second; seconds left."""

    loaded: int
    total: int | None
    progress: float | None
    bytes: int
    rate: float | None
    estimated: float | None
    upload: bool = False
    download: bool = False


class Meter:
    """Turns byte counts of one direction into reports, at most ten a second."""

    def __init__(
        self,
        report: Callable[[Progress], None] | None,
        *,
        total: int | None,
        upload: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report = report
        self._total = total
        self._upload = upload
        self._clock = clock
        self._started_at = clock()
        self._reported_at = float("-inf")
        self._reported = -1

    def at(self, loaded: int, *, last: bool = False) -> None:
        """Report that so many bytes have gone, unless the last report was a moment ago."""
        now = self._clock()
        due = last or now - self._reported_at >= EVERY
        if self._report is None or loaded == self._reported or not due:
            return
        since, self._reported = max(self._reported, 0), loaded
        self._reported_at = now
        self._report(self._progress(loaded, loaded - since, now - self._started_at))

    def _progress(self, loaded: int, new: int, elapsed: float) -> Progress:
        rate = loaded / elapsed if elapsed > 0 and loaded else None
        total = self._total if self._total is None else max(self._total, loaded)
        return Progress(
            loaded=loaded,
            total=total,
            progress=None if total is None else loaded / total if total else 1.0,
            bytes=new,
            rate=rate,
            estimated=None if total is None or rate is None else (total - loaded) / rate,
            upload=self._upload,
            download=not self._upload,
        )
