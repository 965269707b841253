"""A month of all accounts as files: every line of its statements, and the sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time
from io import BytesIO

from django.utils.translation import gettext as _

from dashboard.lib import csv_cells
from dashboard.lib.csv_cells import Cell
from dashboard.overview import sheets
from dashboard.overview.month_statements import MonthStatement, Sum
from dashboard.overview.statement_lines import full_head, full_lines, head

WIDTHS = (30, 26, 26, 26, 10, 26, 40, 12, 18, 16, 16, 10)


def csv_file(month: MonthStatement) -> bytes:
    """Return one flat table of all statements; what is not in the sums says why."""
    return csv_cells.table([_head(), *_lines(month)])


def xlsx_file(month: MonthStatement) -> bytes:
    """Return a workbook of the sums and of all lines; the same month gives the same bytes."""
    file = BytesIO()
    book = sheets.workbook(file, created=datetime.combine(month.month, time.min, tzinfo=UTC))
    for name, names, rows, widths in (
        (_("Sums"), head(), _sum_lines(month), sheets.WIDTHS),
        (_("Lines"), _head(), _lines(month), WIDTHS),
    ):
        sheets.write_table(book, book.add_worksheet(name), names, rows, widths=widths)
    book.close()
    return file.getvalue()


def _head() -> list[str]:
    return [_("Left out of the sums"), *full_head()]


def _lines(month: MonthStatement) -> Iterator[list[Cell]]:
    for part in month.parts:
        for line in full_lines(part.statement):
            yield [part.left_out, *line]


def _sum_lines(month: MonthStatement) -> Iterator[list[Cell]]:
    if month.is_lower_bound:
        reason = _("The sums lack cycles: “Lines” says which are left out or unknown, and why.")
        yield [_("Lower bound"), reason, None, None, None, ""]
    yield from _sums(_("Summary"), [*month.summary, month.total])
    for section in month.sections:
        yield from _sums(section.title, section.sums)


def _sums(title: str, sums: Sequence[Sum]) -> Iterator[list[Cell]]:
    """Yield a line for each sum, or for each of its currencies: they are not added."""
    for one in sums:
        counts: list[Cell] = [one.credits, one.unknown]
        for currency, amount in one.amounts or (("", None),):
            yield [title, one.name, *counts, amount, currency]
            # Said once: the column may be added up.
            counts = [None, None]
