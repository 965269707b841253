"""Cells of a CSV file that a spreadsheet shows, and never computes (promises O1, ASVS 1.2.10)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from decimal import Decimal
from io import StringIO

Cell = str | int | Decimal | None

# What begins a formula, in full width too, and what a spreadsheet skips before it looks for one.
STARTS = frozenset("=+-@＝＋－＠\t\r\n")
SKIPPED = " \"'\u00a0\u200b\ufeff"


def safe(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: with `'` before it where one might.

    NUL is dropped: some programs stop at it, and others look for a formula behind it.
    """
    clean = text.replace("\0", "")
    begins = clean.lstrip(SKIPPED)[:1]
    return f"'{clean}" if begins in STARTS and begins else clean


def table(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return a CSV file (RFC 4180, UTF-8 with the mark that spreadsheets want) of these rows.

    Numbers stay numbers, negative ones too; texts are quoted and made safe; None is empty.
    """
    file = StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
    for row in rows:
        writer.writerow([_cell(cell) for cell in row])
    return file.getvalue().encode("utf-8-sig")


def _cell(cell: Cell) -> str | int | Decimal:
    if cell is None:
        return ""
    return safe(cell) if isinstance(cell, str) else cell
