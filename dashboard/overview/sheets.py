"""Statements as files: CSV for programs and spreadsheets, XLSX for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from io import BytesIO

from django.utils.translation import gettext as _
from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from dashboard.lib import csv_cells, currencies
from dashboard.lib.csv_cells import Cell
from dashboard.overview.statements import Entry, Statement
from dashboard.rembg import filenames

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
    window, price = statement.window, statement.price
    head = [_("Account"), _("Cycle start (UTC)"), _("Cycle end (UTC)"), _("Final")]
    facts: list[Cell] = [
        statement.account.label,
        window.start_at.astimezone(UTC).isoformat(),
        window.end_at.astimezone(UTC).isoformat(),
        _("yes") if statement.is_final else _("so far"),
    ]
    paid: list[Cell] = [price.amount.normalize() if price else None, _currency(statement)]
    rows: list[list[Cell]] = [[*head, *_columns(), _("Price of a credit"), _("Currency")]]
    rows += [[*facts, *row, *paid] for row in _rows(statement)]
    return csv_cells.table(rows)


def xlsx_file(statement: Statement) -> bytes:
    """Return a workbook with one sheet; the same statement gives the same bytes."""
    file = BytesIO()
    workbook = Workbook(file, OPTIONS)
    # In place of the present moment.
    workbook.set_properties(
        {"created": statement.window.end_at.astimezone(UTC).replace(tzinfo=None)}
    )
    sheet = workbook.add_worksheet(_("Statement"))
    bold = workbook.add_format({"bold": True})
    credits = workbook.add_format({"num_format": "#,##0"})
    money = workbook.add_format({"num_format": _money_format(statement)})
    for column, width in enumerate(WIDTHS):
        sheet.set_column(column, column, width)
    top = _write_head(sheet, statement, bold)
    for column, text in enumerate([*_columns(), _("Currency")]):
        sheet.write_string(top, column, text, bold)
    sheet.freeze_panes(top + 1, 0)
    for number, row in enumerate(_rows(statement), start=top + 1):
        _write_row(sheet, number, [*row, _currency(statement)], credits, money)
    workbook.close()
    return file.getvalue()


def _columns() -> list[str]:
    return [_("Section"), _("Name"), _("Credits"), _("Outcome unknown"), _("Amount")]


def _rows(statement: Statement) -> Iterator[list[Cell]]:
    for entry in (*statement.summary, statement.total):
        yield _row(_("Summary"), entry)
    for section in statement.sections:
        for entry in section.entries:
            yield _row(section.title, entry)


def _row(section: str, entry: Entry) -> list[Cell]:
    return [section, entry.name, entry.credits, entry.unknown, entry.amount]


def _currency(statement: Statement) -> str:
    return statement.price.currency if statement.price else ""


def _money_format(statement: Statement) -> str:
    places = currencies.decimals(_currency(statement))
    return f"#,##0.{'0' * places}" if places else "#,##0"


def _write_head(sheet: Worksheet, statement: Statement, bold: Format) -> int:
    """Write what the statement is about; return the row below it."""
    window, price = statement.window, statement.price
    facts = (
        (_("Account"), statement.account.label),
        (_("Cycle start (UTC)"), window.start_at.astimezone(UTC).isoformat()),
        (_("Cycle end (UTC)"), window.end_at.astimezone(UTC).isoformat()),
        (_("Final"), _("yes") if statement.is_final else _("so far")),
        (_("Price of a credit"), str(price) if price else _("none")),
    )
    for row, (name, value) in enumerate(facts):
        sheet.write_string(row, 0, name, bold)
        sheet.write_string(row, 1, value)
    return len(facts) + 1


def _write_row(
    sheet: Worksheet, number: int, row: list[Cell], credits: Format, money: Format
) -> None:
    for column, cell in enumerate(row):
        if isinstance(cell, str):
            sheet.write_string(number, column, cell)
        elif cell is not None:
            sheet.write_number(number, column, cell, credits if isinstance(cell, int) else money)
