"""How a number was computed: a formula and its operands, each with where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Operand:
    """One part of a formula, in credits (None is unknown), and the address of its own source.

    What is not counted in credits (a moment, a rate, a share) stands in words in `said`.
    """

    label: str
    value: int | None = None
    url: str = ""
    as_of: datetime | None = None
    note: str = ""
    said: str = ""


@dataclass(frozen=True)
class Explanation:
    """A computed number in credits, the formula in words, and what stood in it.

    Without `has_result` there is no one result: the operands are numbers of their own. A result
    that is not counted in credits stands in words in `said`.
    """

    title: str
    formula: str
    result: int | None = None
    operands: tuple[Operand, ...] = ()
    note: str = ""
    has_result: bool = True
    said: str = ""
