"""The site's breakers: one memory of what RemBG does not answer, for all processes and machines."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from django.db import DatabaseError, IntegrityError, models, transaction

from dashboard.lib.database import release_connection
from dashboard.rembg.breaker import Breakers, Opening

FRESH = 1.0  # seconds for which what was read is good enough


class OpenBreaker(models.Model):
    """A host, a team or an account that is asked seldom, because it kept failing (promises F28)."""

    name = models.CharField(max_length=250, primary_key=True)
    next_at = models.DateTimeField()
    step = models.PositiveSmallIntegerField()
    step_at = models.DateTimeField()
    version = models.PositiveIntegerField()

    class Meta:
        app_label = "keys"

    def __str__(self) -> str:
        return self.name

    @property
    def opening(self) -> Opening:
        """Return what the row says."""
        return Opening(self.next_at.timestamp(), self.step, self.step_at.timestamp(), self.version)


class BreakerRows:
    """Openings as rows, read once a second at most by each process. Thread-safe.

    A database that does not answer opens and closes nothing: the call itself finds out. Whoever
    asks waits for RemBG next, and so gives the connection back.
    """

    def __init__(self, *, fresh: float = FRESH) -> None:
        self._fresh = fresh
        self._openings: dict[str, Opening] = {}
        self._good_until = 0.0
        self._lock = threading.Lock()

    def openings(self) -> Mapping[str, Opening]:
        if time.monotonic() >= self._good_until and self._lock.acquire(blocking=False):
            try:
                self._read()
            finally:
                self._lock.release()
        return self._openings

    def find(self, name: str) -> Opening | None:
        try:
            row = OpenBreaker.objects.filter(pk=name).first()
        except DatabaseError:
            return None
        finally:
            release_connection()
        return row.opening if row else None

    def swap(self, name: str, before: Opening | None, after: Opening | None) -> bool:
        try:
            swapped = _swap(name[:250], before, after)
        except DatabaseError:
            swapped = False
        self._good_until = 0.0
        release_connection()
        return swapped

    def _read(self) -> None:
        with suppress(DatabaseError):  # Then what was read before is the best there is.
            self._openings = {row.name: row.opening for row in OpenBreaker.objects.order_by("pk")}
        self._good_until = time.monotonic() + self._fresh
        release_connection()


def _swap(name: str, before: Opening | None, after: Opening | None) -> bool:
    rows = OpenBreaker.objects.filter(pk=name, version=before.version if before else 0)
    if after is None:
        return bool(rows.delete()[0])
    values = {
        "next_at": datetime.fromtimestamp(after.next_at, UTC),
        "step": after.step,
        "step_at": datetime.fromtimestamp(after.step_at, UTC),
        "version": after.version + 1,
    }
    if before is not None:
        return bool(rows.update(**values))
    try:
        with transaction.atomic():
            OpenBreaker.objects.create(pk=name, **values)
    except IntegrityError:
        return False  # Another process opened it at the same moment.
    return True


SITE = Breakers(BreakerRows())
