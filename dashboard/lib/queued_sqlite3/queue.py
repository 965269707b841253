"""A queue of writers: those of this process first come, first served, processes in turns."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections import deque
from functools import lru_cache
from pathlib import Path

LOOK_EVERY = 0.0005  # seconds; processes that wait for each other are few


class FileLock:
    """A lock between processes; the system frees it when its holder ends, however that comes."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def acquire(self, *, until: float) -> bool:
        """Take it; False if it was not to be had before this moment (`time.monotonic`)."""
        while True:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    return False
                time.sleep(LOOK_EVERY)
            else:
                return True

    def release(self) -> None:
        """Give it back."""
        fcntl.flock(self._handle, fcntl.LOCK_UN)


class WriteQueue:
    """One turn at a time for whoever writes to a database file. Thread-safe.

    Among processes the one that waits holds `next`, so that another one, which has just written,
    cannot come before it again.
    """

    def __init__(self, database: Path) -> None:
        self._next = FileLock(database.with_name(f"{database.name}.next"))
        self._turn = FileLock(database.with_name(f"{database.name}.turn"))
        self._waiting: deque[threading.Lock] = deque()
        self._is_taken = False
        self._lock = threading.Lock()

    def enter(self, seconds: float) -> bool:
        """Wait for the turn; False if it did not come within so many seconds."""
        until = time.monotonic() + seconds
        if not self._enter_process(seconds):
            return False
        if self._next.acquire(until=until):
            try:
                if self._turn.acquire(until=until):
                    return True
            finally:
                self._next.release()
        self._leave_process()
        return False

    def leave(self) -> None:
        """Give the turn to whoever waits longest."""
        self._turn.release()
        self._leave_process()

    def _enter_process(self, seconds: float) -> bool:
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=seconds):
            return True
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return False
        return True  # It came at the last moment.

    def _leave_process(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


@lru_cache(maxsize=8)
def queue_of(name: str) -> WriteQueue | None:
    """Return the queue of a database file; None for a database in memory."""
    if name == ":memory:" or name.startswith("file:"):
        return None
    return WriteQueue(Path(name))


# Its files and turns are the parent's; a child waits in a queue of its own.
os.register_at_fork(after_in_child=queue_of.cache_clear)
