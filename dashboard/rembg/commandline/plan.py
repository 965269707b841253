"""Which picture goes where: inputs, folders and one OUTPUT, made into jobs.

No two jobs share a target, and a second run of the same command finds the first one's results.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from dashboard.rembg.filenames import FALLBACK, download_name, extension_of
from dashboard.rembg.pictures.inspection import EXTENSIONS, OTHER_NAMES

STANDARD = "-"  # Standard input as INPUT, standard output as OUTPUT.
FORMATS = {"jpg": "jpeg", "jpeg": "jpeg", "png": "png", "webp": "webp", "bmp": "bmp"}
SUFFIXES = {"jpeg": "jpg"}  # Where a format's files are not named as the format is.


class PlanError(Exception):
    """The inputs and the output of a command do not go together."""


@dataclass(frozen=True)
class Job:
    """One picture and its place; None stands for standard input and standard output.

    `below` is where it stands in the folder that it was found in. `refusal` says why nothing is to
    be done; `is_done` that it is no failure, but done already.
    """

    source: Path | None
    below: PurePath
    refusal: str = ""
    is_done: bool = False
    target: Path | None = None

    @property
    def name(self) -> str:
        """The input as the person wrote it."""
        return STANDARD if self.source is None else str(self.source)

    def place(self, folder: Path, extension: str, *, whole: bool = False) -> Path:
        """Return the result's place in a folder: shoe.webp, or as a whole shoe.jpg.webp."""
        name = f"{self.below.name}.{extension}" if whole else self.below.name
        return folder / self.below.with_name(download_name(name, extension=extension))


def goes_into_folder(inputs: Sequence[str], output: str) -> bool:
    """Tell whether OUTPUT is a folder: it ends in a slash, is one, or has to hold many."""
    if output == STANDARD:
        return False
    is_folder = output.endswith((os.sep, "/")) or Path(output).is_dir()
    return is_folder or len(inputs) > 1 or Path(inputs[0]).is_dir()


def format_of(inputs: Sequence[str], output: str, given: str | None) -> str:
    """Return the format to ask for: the given one, or what OUTPUT's extension says, or webp.

    A format that does not exist is returned as it is, for `Parameters.parse` to refuse. Raises
    PlanError for two that differ.
    """
    wanted = FORMATS.get(given.lower(), given) if given else None
    if output == STANDARD or goes_into_folder(inputs, output):
        return wanted or "webp"
    extension = extension_of(output)
    named = FORMATS.get(extension, extension)
    if wanted and named and wanted != named:
        raise PlanError(f"{output} is not the name of a {wanted} file.")
    return wanted or named or "webp"


def plan(
    inputs: Sequence[str], output: str, *, format: str, recursive: bool, overwrite: bool
) -> list[Job]:
    """Return a job for each picture, in a lasting order; raise PlanError."""
    if not output or not all(inputs):
        raise PlanError("INPUT and OUTPUT must not be empty.")  # Path("") is the current folder.
    if inputs.count(STANDARD) > 1:
        raise PlanError("Standard input can be read once only.")
    if output == STANDARD and (len(inputs) > 1 or Path(inputs[0]).is_dir()):
        raise PlanError("Standard output takes one picture only.")
    into_folder, path = goes_into_folder(inputs, output), Path(output)
    if into_folder and path.exists() and not path.is_dir():
        raise PlanError(f"{output} is a file, and there are several pictures.")
    found = _find(inputs, path if into_folder else None, recursive=recursive)
    once: dict[str, Job] = {}  # What was named twice would be paid for twice.
    for job in found:
        once.setdefault(os.path.realpath(job.source) if job.source else STANDARD, job)
    jobs = list(once.values())
    if into_folder:
        jobs = _placed(jobs, path, SUFFIXES.get(format, format))
    elif output != STANDARD:
        jobs = [replace(jobs[0], target=path)]
    checked = [_checked(job, overwrite=overwrite) for job in jobs]
    if not into_folder and checked[0].is_done:
        raise PlanError(checked[0].refusal)  # A file that was named and is there is a mistake.
    return checked


def _find(inputs: Sequence[str], output: Path | None, *, recursive: bool) -> Iterator[Job]:
    for name in inputs:
        path = Path(name)
        below = PurePath(path.name or FALLBACK)
        if name == STANDARD:
            yield Job(None, PurePath(FALLBACK))
        elif path.is_dir():
            pictures = list(_inside(path, output, recursive=recursive))
            yield from pictures or [Job(path, below, "There are no pictures in this folder.")]
        elif path.is_file():
            yield Job(path, below)
        else:
            yield Job(
                path, below, f"{'This is not a' if path.exists() else 'There is no such'} file."
            )


def _inside(top: Path, output: Path | None, *, recursive: bool) -> Iterator[Job]:
    """Find the pictures in a folder, by their extension; results of ours are not looked at."""
    unreadable: list[OSError] = []
    for folder, folders, names in os.walk(top, onerror=unreadable.append):
        here = Path(folder)
        kept = sorted(name for name in folders if recursive and not name.startswith("."))
        folders[:] = [name for name in kept if not _is_same(here / name, output)]
        for name in sorted(names):
            if not name.startswith(".") and extension_of(name) in EXTENSIONS + OTHER_NAMES:
                yield Job(here / name, (here / name).relative_to(top))
    for error in unreadable:
        path = Path(error.filename)
        yield Job(path, PurePath(path.name or FALLBACK), "This folder cannot be read.")


def _placed(jobs: Sequence[Job], folder: Path, extension: str) -> list[Job]:
    """Give each a place of its own; those that would share shoe.webp get shoe.jpg.webp."""
    results = _results(jobs, folder, extension)
    counts = Counter(_folded(j.place(folder, extension)) for j in jobs if j not in results)
    taken: set[str] = set()
    placed = []
    for job in jobs:
        target = job.place(folder, extension)
        if job in results:
            refusal = f"This is where the result of {results[job].name} goes."
            placed.append(replace(job, target=target, refusal=refusal, is_done=True))
            continue
        target = job.place(folder, extension, whole=counts[_folded(target)] > 1)
        target = next(path for path in numbered(target) if _folded(path) not in taken)
        taken.add(_folded(target))
        placed.append(replace(job, target=target))
    return placed


def _results(jobs: Sequence[Job], folder: Path, extension: str) -> dict[Job, Job]:
    """Return which inputs stand where the result of another one goes, and of which."""
    makers = defaultdict(list)
    for job in jobs:
        makers[os.path.realpath(job.place(folder, extension))].append(job)
    return {
        job: maker
        for job in jobs
        if job.source is not None and not job.refusal
        for maker in makers[os.path.realpath(job.source)]
        if maker is not job
    }


def numbered(path: Path) -> Iterator[Path]:
    """Yield shoe.webp, shoe-2.webp, shoe-3.webp, and so on."""
    yield path
    for number in itertools.count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def _folded(path: Path) -> str:
    return str(path).casefold()  # Some disks do not tell A from a.


def _checked(job: Job, *, overwrite: bool) -> Job:
    """Refuse a job that would replace what must stay."""
    target = job.target
    if job.refusal or target is None:
        return job
    if _is_same(target, job.source):
        return replace(job, refusal="The result would replace the picture itself.")
    if target.is_dir():
        return replace(job, refusal=f"{target} is a folder.")
    if target.exists() and not overwrite:
        refusal = f"{target} exists already; --overwrite replaces it."
        return replace(job, refusal=refusal, is_done=True)
    return job


def _is_same(path: Path, other: Path | None) -> bool:
    return other is not None and path.exists() and other.exists() and path.samefile(other)
