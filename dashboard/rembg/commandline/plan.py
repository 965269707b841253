"""Which picture goes where: inputs, folders and one OUTPUT, made into jobs.

No two jobs share a target, and a second run of the same command finds the first one's results.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from dashboard.rembg.filenames import FALLBACK, download_name, extension_of
from dashboard.rembg.pictures.inspection import EXTENSIONS, OTHER_NAMES

STANDARD = "-"  # Standard input as INPUT, standard output as OUTPUT.
FORMATS = {"jpg": "jpeg", "jpeg": "jpeg", "png": "png", "webp": "webp", "bmp": "bmp"}
UNREADABLE = "This folder cannot be read."
SUFFIXES = {"jpeg": "jpg"}  # Where a format's files are not named as the format is.


class PlanError(Exception):
    """The inputs and the output of a command do not go together."""


@dataclass(frozen=True)
class Job:
    """One picture and its place; None stands for standard input and standard output.

    `refusal` says why nothing is to be done; `is_done` that it is no failure, but done already.
    """

    source: Path | None
    target: Path | None
    refusal: str = ""
    is_done: bool = False

    @property
    def name(self) -> str:
        """The input as the person wrote it."""
        return STANDARD if self.source is None else str(self.source)


@dataclass(frozen=True)
class _Found:
    """An input, and where it stands below the folder that it was found in."""

    source: Path | None
    below: PurePath
    refusal: str = ""

    def named(self, extension: str, *, whole: bool) -> PurePath:
        """Return the result's place below OUTPUT: shoe.webp, or as a whole shoe.jpg.webp."""
        name = f"{self.below.name}.{extension}" if whole else self.below.name
        return self.below.with_name(download_name(name, extension=extension))


def goes_into_folder(inputs: Sequence[str], output: str) -> bool:
    """Tell whether OUTPUT is a folder: it ends in a slash, is one, or has to hold many."""
    if output == STANDARD:
        return False
    return (
        output.endswith((os.sep, "/"))
        or Path(output).is_dir()
        or len(inputs) > 1
        or any(Path(name).is_dir() for name in inputs)
    )


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
    if inputs.count(STANDARD) > 1:
        raise PlanError("Standard input can be read once only.")
    into_folder = goes_into_folder(inputs, output)
    if output == STANDARD and (len(inputs) > 1 or Path(inputs[0]).is_dir()):
        raise PlanError("Standard output takes one picture only.")
    if into_folder and Path(output).exists() and not Path(output).is_dir():
        raise PlanError(f"{output} is a file, and there are several pictures.")
    folder = Path(output) if into_folder else None
    found = list(_once(_find(inputs, folder, recursive=recursive)))
    if folder is None:
        return [_single(found[0], output, overwrite=overwrite)]
    jobs = _placed(found, folder, SUFFIXES.get(format, format))
    return [_checked(job, overwrite=overwrite) for job in jobs]


def _single(found: _Found, output: str, *, overwrite: bool) -> Job:
    """Return the one job; a file that was named and is there already is a mistake."""
    target = None if output == STANDARD else Path(output)
    job = _checked(Job(found.source, target, found.refusal), overwrite=overwrite)
    if job.is_done:
        raise PlanError(job.refusal)
    return job


def _find(inputs: Sequence[str], output: Path | None, *, recursive: bool) -> Iterator[_Found]:
    for name in inputs:
        path = Path(name)
        if name == STANDARD:
            yield _Found(None, PurePath(FALLBACK))
        elif path.is_dir():
            yield from _inside(path, output, recursive=recursive)
        elif path.is_file():
            yield _Found(path, PurePath(path.name))
        else:
            refusal = "This is not a file." if path.exists() else "There is no such file."
            yield _Found(path, PurePath(path.name or FALLBACK), refusal)


def _inside(top: Path, output: Path | None, *, recursive: bool) -> Iterator[_Found]:
    """Find the pictures in a folder, by their extension; results of ours are not looked at."""
    if not os.access(top, os.R_OK | os.X_OK):
        yield _Found(top, PurePath(top.name or FALLBACK), UNREADABLE)
        return
    is_empty = True
    for folder, folders, names in os.walk(top):
        here = Path(folder)
        kept = sorted(n for n in folders if recursive and not n.startswith("."))
        folders[:] = [n for n in kept if not _is_same(here / n, output)]
        for name in folders:
            if not os.access(here / name, os.R_OK | os.X_OK):
                yield _Found(here / name, PurePath(name), UNREADABLE)
        for name in sorted(names):
            if not name.startswith(".") and extension_of(name) in EXTENSIONS + OTHER_NAMES:
                is_empty = False
                yield _Found(here / name, (here / name).relative_to(top))
    if is_empty:
        yield _Found(top, PurePath(top.name or FALLBACK), "There are no pictures in this folder.")


def _once(found: Iterable[_Found]) -> Iterator[_Found]:
    """Drop what was named twice: it would be paid for twice."""
    seen = set()
    for one in found:
        place = STANDARD if one.source is None else os.path.realpath(one.source)
        if place not in seen:
            seen.add(place)
            yield one


def _placed(found: Sequence[_Found], folder: Path, extension: str) -> list[Job]:
    """Give each a place of its own; who would share shoe.webp gets shoe.jpg.webp."""
    plain = {one: folder / one.named(extension, whole=False) for one in found}
    jobs, remaining = {}, []
    results = _results(plain)
    for one in found:
        maker = results.get(one)
        if maker is not None and not one.refusal:
            refusal = f"This is where the result of {maker.source or STANDARD} goes."
            jobs[one] = Job(one.source, plain[one], refusal, is_done=True)
        else:
            remaining.append(one)
    counts = Counter(_folded(plain[one]) for one in remaining)
    taken: set[str] = set()
    for one in remaining:
        whole = counts[_folded(plain[one])] > 1
        target = _free(folder / one.named(extension, whole=whole), taken)
        jobs[one] = Job(one.source, target, one.refusal)
    return [jobs[one] for one in found]


def _results(plain: Mapping[_Found, Path]) -> dict[_Found, _Found]:
    """Return which inputs stand where the result of another one goes, and of which."""
    makers: dict[str, list[_Found]] = {}
    for one, path in plain.items():
        makers.setdefault(os.path.realpath(path), []).append(one)
    return {
        one: maker
        for one in plain
        if one.source is not None
        for maker in makers.get(os.path.realpath(one.source), [])
        if maker is not one
    }


def _free(path: Path, taken: set[str]) -> Path:
    """Return the path, or its first numbered sister that is not taken, and take it."""
    free, number = path, 2
    while _folded(free) in taken:
        free, number = numbered(path, number), number + 1
    taken.add(_folded(free))
    return free


def numbered(path: Path, number: int) -> Path:
    """Return shoe-2.webp for shoe.webp."""
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


def _folded(path: Path) -> str:
    return str(path).casefold()  # Some disks do not tell A from a.


def _checked(job: Job, *, overwrite: bool) -> Job:
    """Refuse a job that would replace what must stay."""
    if job.refusal or job.target is None:
        return job
    if _is_same(job.target, job.source):
        return replace(job, refusal="The result would replace the picture itself.")
    if job.target.is_dir():
        return replace(job, refusal=f"{job.target} is a folder.")
    if job.target.exists() and not overwrite:
        refusal = f"{job.target} exists already; --overwrite replaces it."
        return replace(job, refusal=refusal, is_done=True)
    return job


def _is_same(path: Path, other: Path | None) -> bool:
    return other is not None and path.exists() and other.exists() and path.samefile(other)
