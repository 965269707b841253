"""Where a result is written: beside its place first, and in its place only when it is whole."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from dashboard.rembg import errors
from dashboard.rembg.client import MAX_ANSWER
from dashboard.rembg.commandline.plan import numbered

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


class Draft:
    """A file that becomes the result, or is gone. Raises OSError where there is no room for it."""

    def __init__(self, target: Path) -> None:
        self.target = target
        target.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(target.parent).free < MAX_ANSWER:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # A credit needs a place (R5).
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".rembg-", suffix=".part")
        self.path = Path(name)
        self._is_kept = False
        self.file: BinaryIO = open(handle, "w+b")  # noqa: SIM115 (lives as long as this object)

    def place(self, *, overwrite: bool) -> Path:
        """Put the whole result in its place and return that; raise NotStored, keeping the draft.

        Without `overwrite`, a file that has come there meanwhile stays, and ours gets a number.
        """
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            if overwrite:
                self.path.replace(self.target)
                return self.target
            return self._place_beside()
        except OSError as exc:
            self._is_kept = True
            raise errors.NotStored(f"{exc.strerror}. The result is kept as {self.path}.") from exc

    def drop(self) -> None:
        """Delete what is still a draft; doing it twice does no harm."""
        self.file.close()
        if not self._is_kept:
            self.path.unlink(missing_ok=True)

    def _place_beside(self) -> Path:
        place, number = self.target, 2
        while not self._is_linked(place):
            place, number = numbered(self.target, number), number + 1
        return place

    def _is_linked(self, place: Path) -> bool:
        """Try to put the result there; a link, unlike a rename, never replaces a file."""
        try:
            os.link(self.path, place)
        except FileExistsError:
            return False
        except OSError as exc:
            if exc.errno not in NO_LINKS:
                raise
            if place.exists():
                return False
            self.path.replace(place)
        return True
