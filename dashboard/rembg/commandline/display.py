"""A progress bar for each picture under way, at the bottom of a terminal, redrawn in place."""

from __future__ import annotations

import shutil
import time
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import PurePath

from dashboard.rembg.client import Phase
from dashboard.rembg.commandline.outcomes import visible
from dashboard.rembg.commandline.round import Stage

BAR = 20  # Characters.
NAME = 28  # Columns.
UP_AND_ERASE = "\x1b[{}F\x1b[0J"  # To the beginning of so many lines above, and clear from there.
WORDS = {Phase.SENDING: "sending", Phase.RECEIVING: "receiving"}


class Display:
    """The lines at the bottom; whoever writes above them calls `clear` first.

    `write` puts text on the terminal at once.
    Without a terminal it draws nothing, and says a line where a picture has to wait.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        is_live: bool,
        columns: Callable[[], int] = lambda: shutil.get_terminal_size().columns,
    ) -> None:
        self._write = write
        self._is_live = is_live
        self._columns = columns
        self._height = 0
        self._said: set[str] = set()

    def draw(self, stages: Iterable[Stage]) -> None:
        """Show how far each picture is, in place of what was shown."""
        if not self._is_live:
            for stage in stages:
                if stage.waits:
                    self.note(f"waits    {visible(stage.job.name)}: {stage.waits}")
            return
        lines = [cut(line(stage), self._columns() - 1) for stage in stages]
        self.clear()
        self._write("".join(f"{text}\n" for text in lines))
        self._height = len(lines)

    def clear(self) -> None:
        """Take the lines away."""
        if self._height:
            self._write(UP_AND_ERASE.format(self._height))
        self._height = 0

    def note(self, text: str) -> None:
        """Say a line above, if it was not said before."""
        if text not in self._said:
            self._said.add(text)
            self.clear()
            self._write(f"{text}\n")


def line(stage: Stage) -> str:
    """Say how far a picture is: its name, a bar, and what is happening."""
    name = visible(PurePath(stage.job.name).name)
    if width(name) > NAME:
        name = cut(name, NAME - 1) + "…"
    name += " " * (NAME - width(name))
    if stage.waits:
        return f"{name} {stage.waits}"
    if stage.phase is None:
        return f"{name} checking"
    if stage.phase is Phase.WAITING:
        return f"{name} [{_sweep()}] RemBG is working, {time.monotonic() - stage.since:.0f} s"
    return f"{name} {_transfer(stage, WORDS[stage.phase])}"


def _transfer(stage: Stage, word: str) -> str:
    progress = stage.progress
    if progress is None:
        return f"[{' ' * BAR}] {word}"
    if progress.progress is None:
        return f"[{_sweep()}] {word} {progress.loaded / 1_000_000:.1f} MB"
    full = round(progress.progress * BAR)
    return f"[{'#' * full}{' ' * (BAR - full)}] {progress.progress:4.0%} {word}"


def _sweep() -> str:
    """Return a bar with a mark that runs through it once in two seconds."""
    place = int(time.monotonic() * BAR / 2) % BAR
    return " " * place + "#" + " " * (BAR - place - 1)


def cut(text: str, columns: int) -> str:
    """Return as much of a text as fits."""
    taken = 0
    for index, character in enumerate(text):
        taken += width(character)
        if taken > columns:
            return text[:index]
    return text


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )
