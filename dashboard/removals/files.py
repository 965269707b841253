"""Where pictures are kept: random names in a folder of their team, written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage

from dashboard.lib.wsgi_adapter import NO_SPACE
from dashboard.removals.errors import NoSpace

KINDS = ("pictures", "results", "thumbnails")
DRAFT = ".draft"
FORGOTTEN = timedelta(hours=1)


def name_for(kind: str, team_id: int, extension: str, *, stem: uuid.UUID | None = None) -> str:
    """Return a storage name that nobody can guess."""
    return f"{kind}/{team_id}/{(stem or uuid.uuid4()).hex}.{extension}"


def folders() -> tuple[Path, ...]:
    """Return the folders on this machine's disks that a picture passes through, as far as made."""
    kept = _path("pictures")
    while kept and not kept.exists():
        kept = kept.parent
    uploads = Path(settings.FILE_UPLOAD_TEMP_DIR)
    return (uploads, kept) if kept else (uploads,)


def has_room() -> bool:
    """Say whether each disk has a place for a result; a storage elsewhere answers for itself."""
    return all(shutil.disk_usage(each).free >= settings.ROOM_BYTES for each in folders())


@contextmanager
def no_space() -> Iterator[None]:
    """Raise NoSpace where a disk turns out to be full; what else fails stays what it is."""
    try:
        yield
    except OSError as exc:
        if exc.errno not in NO_SPACE:
            raise
        raise NoSpace from None


class Draft:
    """A file beside the place where it is to be: `keep` puts it there, `discard` leaves nothing.

    On a disk: fsync, rename, fsync of the folder (promises S12). `file` is readable, too.
    """

    def __init__(self, name: str) -> None:
        """Open it; raise OSError."""
        self._name = name
        self._place = _path(name)
        folder = self._place.parent if self._place else Path(settings.FILE_UPLOAD_TEMP_DIR)
        folder.mkdir(parents=True, exist_ok=True, mode=settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS)
        handle, draft = tempfile.mkstemp(suffix=DRAFT, dir=folder)
        self._draft = Path(draft)
        self.file: BinaryIO = open(handle, "w+b")  # noqa: SIM115 (closed by `keep` or `discard`)

    def keep(self) -> None:
        """Make it the file that was named; raise OSError, after which it must be discarded."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        if self._place is None:
            with self._draft.open("rb") as file:
                default_storage.save(self._name, File(file))
            return
        self._draft.chmod(settings.FILE_UPLOAD_PERMISSIONS)
        self._draft.replace(self._place)
        _sync(self._place.parent)

    def discard(self) -> None:
        """Close it, and delete what `keep` did not put away; never raises.

        A full disk fails again when a buffer is emptied at the end, and an error of the cleaning up
        would hide the one that matters (promises R19).
        """
        with suppress(OSError):
            self.file.close()
        with suppress(OSError):
            self._draft.unlink(missing_ok=True)


@contextmanager
def writing(name: str) -> Iterator[BinaryIO]:
    """Open a draft that becomes the file `name` when the block ends well; raise OSError."""
    draft = Draft(name)
    try:
        yield draft.file
        draft.keep()
    finally:
        draft.discard()


def opened(name: str) -> BinaryIO:
    """Open a file for reading; raise FileNotFoundError."""
    return cast(BinaryIO, default_storage.open(name, "rb").file)


def exists(name: str) -> bool:
    """Say whether there is such a file."""
    return bool(name) and default_storage.exists(name)


def copy(source: str, target: str) -> None:
    """Make a second file of the same bytes, which lives on when the first is deleted."""
    with opened(source) as file:
        keep(file, target)


def keep(file: BinaryIO, name: str) -> None:
    """Store a copy of an open file, from its beginning; leave it at its beginning."""
    file.seek(0)
    with writing(name) as draft:
        shutil.copyfileobj(file, draft, 1024 * 1024)
    file.seek(0)


def delete(*names: str) -> None:
    """Delete what is there of these files."""
    for name in names:
        if name:
            default_storage.delete(name)


def forgotten(*, at: datetime) -> Iterator[str]:
    """Name each stored file that is older than an hour; whoever asks knows which have a row."""
    for kind in KINDS:
        for team in _listed(kind, folders=True):
            for file in _listed(f"{kind}/{team}"):
                name = f"{kind}/{team}/{file}"
                with suppress(FileNotFoundError):  # Deleted in the meantime.
                    if default_storage.get_modified_time(name) <= at - FORGOTTEN:
                        yield name


def delete_forgotten_uploads(*, at: datetime) -> int:
    """Delete what a killed process left of uploads an hour ago; return how many files."""
    count = 0
    for path in Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir():
        # Its owner may delete it in the meantime.
        with suppress(FileNotFoundError):
            if path.is_file() and path.stat().st_mtime <= (at - FORGOTTEN).timestamp():
                path.unlink()
                count += 1
    return count


def _listed(folder: str, *, folders: bool = False) -> list[str]:
    try:
        return list(default_storage.listdir(folder)[0 if folders else 1])
    except FileNotFoundError:
        return []


def _path(name: str) -> Path | None:
    """Return where a storage on a disk keeps a file; None for a storage elsewhere."""
    try:
        return Path(default_storage.path(name))
    except NotImplementedError:
        return None


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
