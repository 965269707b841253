"""Statements as files: CSV for programs and spreadsheets, XLSX for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO

from django.utils.translation import gettext as _
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from dashboard.lib import csv_cells
from dashboard.lib.csv_cells import Cell
from dashboard.overview.statement_lines import facts_of, full_head, full_lines, head, lines
from dashboard.overview.statements import Statement
from dashboard.rembg import filenames

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
WIDTHS = (26, 40, 12, 18, 16, 10)


def name_of(statement: Statement, extension: str) -> str:
    """Return the name of the file: account and first day (UTC)."""
    day = statement.window.start_at.astimezone(UTC).date().isoformat()
    name = f"{statement.account.label} {day}.{extension}"
    return filenames.download_name(name, extension=extension)


def csv_file(statement: Statement) -> bytes:
    """Return one flat table: each line says its account, cycle and section."""
    return csv_cells.table([full_head(), *full_lines(statement)])


def xlsx_file(statement: Statement) -> bytes:
    """Return a workbook with one sheet; the same statement gives the same bytes."""
    file = BytesIO()
    book = workbook(file, created=statement.window.end_at)
    sheet = book.add_worksheet(_("Statement"))
    bold = book.add_format({"bold": True})
    price = (_("Price of a credit"), str(statement.price) if statement.price else _("none"))
    facts = [*facts_of(statement), price]
    for row, (name, value) in enumerate(facts):
        sheet.write_string(row, 0, name, bold)
        sheet.write_string(row, 1, value)
    write_table(book, sheet, head(), lines(statement), top=len(facts) + 1, widths=WIDTHS)
    book.close()
    return file.getvalue()


def workbook(file: BytesIO, *, created: datetime) -> Workbook:
    """Return a workbook in which a text stays a text; `created` stands for the present moment."""
    book = Workbook(file, OPTIONS)
    book.set_properties({"created": created.astimezone(UTC).replace(tzinfo=None)})
    return book


def write_table(
    book: Workbook,
    sheet: Worksheet,
    names: Sequence[str],
    rows: Iterable[list[Cell]],
    *,
    top: int = 0,
    widths: Sequence[int],
) -> None:
    """Write rows below their names, each number with the decimals that it has."""
    bold = book.add_format({"bold": True})
    formats = [book.add_format({"num_format": f"#,##0.{'0' * n}".rstrip(".")}) for n in range(7)]
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    for column, text in enumerate(names):
        sheet.write_string(top, column, text, bold)
    sheet.freeze_panes(top + 1, 0)
    for number, row in enumerate(rows, start=top + 1):
        for column, cell in enumerate(row):
            if isinstance(cell, str):
                sheet.write_string(number, column, cell)
            elif cell is not None:
                sheet.write_number(number, column, cell, formats[_decimals(cell)])


def _decimals(number: int | Decimal) -> int:
    return max(0, -int(Decimal(number).as_tuple().exponent))
