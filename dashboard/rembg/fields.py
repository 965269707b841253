"""One object of an answer about usage: its fields read one by one, and what is wrong with each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.rembg import wording

TOO_BIG = 10**12  # No account has so many credits, and no second of ours so high a number.
LAST_SECOND = 253_402_300_798  # Of the year 9999, with a second to spare for the half-open end.
PLAUSIBLE_YEARS = range(2000, 2100)
DIGITS = re.compile(r"[0-9]{1,12}", re.ASCII)
MAX_TEXT = 80


@dataclass(frozen=True)
class Problem:
    """Something wrong with a reading: a code, the field, and the beginning of its value."""

    code: str
    field: str = ""
    value: str = ""


@dataclass
class Doc:
    """A JSON object being read; every read that finds something odd adds to `problems`."""

    value: Any
    problems: list[Problem] = field(default_factory=list)
    path: str = ""

    @property
    def is_object(self) -> bool:
        """Whether there are fields to read at all."""
        return isinstance(self.value, dict)

    def flag(self, code: str, name: str, value: object = "") -> None:
        """Note a problem with the field `name` of this object."""
        text = type(value).__name__ if isinstance(value, dict | list) else str(value)
        text = wording.message(text[:MAX_TEXT])[:40]
        self.problems.append(Problem(code, f"{self.path}{name}", text))

    def number(self, name: str) -> int | None:
        """Return a whole number from 0 to below 10^12, or None with a problem."""
        value = self._present(name)
        if isinstance(value, str) and DIGITS.fullmatch(value.strip()):
            self.flag("text_number", name, value)
            value = int(value)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            self.flag("not_a_number", name, value)
            return None
        if not 0 <= value < TOO_BIG:
            self.flag("negative" if value < 0 else "too_big", name, value)
            return None
        return value

    def text(self, name: str) -> str | None:
        """Return a short text, or None with a problem."""
        value = self._present(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.flag("not_a_text", name, value)
            return None
        return wording.message(value)[:MAX_TEXT] or None

    def flag_of(self, name: str) -> bool | None:
        """Return true or false, or None with a problem."""
        value = self._present(name)
        if isinstance(value, str) and value.strip().lower() in ("true", "false"):
            self.flag("text_flag", name, value)
            return value.strip().lower() == "true"
        if value is not None and not isinstance(value, bool):
            self.flag("not_a_flag", name, value)
            return None
        return value

    def object(self, name: str, *, required: bool) -> Doc | None:
        """Return the object in the field `name`, or None (with a problem if it is required)."""
        if name not in self.value and not required:
            return None
        value = self._present(name)
        if value is not None and not isinstance(value, dict):
            self.flag("not_an_object", name, value)
        return self._part(value, f"{name}.") if isinstance(value, dict) else None

    def objects(self, name: str, *, most: int) -> list[Doc]:
        """Return the objects of the list `name`, at most so many."""
        value = self._present(name)
        if value is not None and not isinstance(value, list):
            self.flag("not_a_list", name, value)
        items = value if isinstance(value, list) else []
        if len(items) > most:
            self.flag("too_many", name, len(items))
        parts = [self._part(v, f"{name}[{i}].") for i, v in enumerate(items[:most])]
        for part in parts:
            if not part.is_object:
                part.flag("not_an_object", "", part.value)
        return [part for part in parts if part.is_object]

    def window(self) -> tuple[datetime | None, datetime | None]:
        """Return the half-open window; `periodEndUnix` is its last second (contract 2)."""
        start_at = self._moment("periodStartUnix")
        last = self._moment("periodEndUnix")
        end_at = last + timedelta(seconds=1) if last else None
        if start_at and end_at and end_at <= start_at:
            self.flag("ends_before_start", "periodEndUnix", self.value["periodEndUnix"])
        return start_at, end_at

    def _moment(self, name: str) -> datetime | None:
        seconds = self.number(name)
        if seconds is None:
            return None
        if seconds > LAST_SECOND:
            self.flag("too_big", name, seconds)
            return None
        moment = datetime.fromtimestamp(seconds, tz=UTC)
        if moment.year not in PLAUSIBLE_YEARS:
            self.flag("far_year", name, seconds)
        return moment

    def _present(self, name: str) -> Any:
        if name not in self.value:
            self.flag("missing", name)
        elif self.value[name] is None:
            self.flag("null", name)
        return self.value.get(name)

    def _part(self, value: Any, path: str) -> Doc:
        return Doc(value, self.problems, f"{self.path}{path}")
