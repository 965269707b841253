"""Statements as files: CSV for programs and spreadsheets, XLSX for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from io import BytesIO

from django.utils.translation import gettext as _
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from dashboard.lib import csv_cells
from dashboard.lib.csv_cells import Cell
from dashboard.overview.month_statements import MonthStatement, Sum
from dashboard.overview.statements import Entry, Statement
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
MONTH_WIDTHS = (30, 26, 26, 26, 10, 26, 40, 12, 18, 16, 16, 10)


def full_head() -> list[str]:
    """Return the names of the cells of `full_lines`."""
    return [*_facts(), *_columns(), _("Price of a credit"), _("Currency")]


def full_lines(statement: Statement) -> Iterator[list[Cell]]:
    """Yield lines that say all of it: account, cycle, section, credits, money and price."""
    facts = [cell for _name, cell in facts_of(statement)]
    price = statement.price
    paid = [price.amount.normalize() if price else None, currency(statement)]
    return ([*facts, *row, *paid] for row in _rows(statement))


def head() -> list[str]:
    """Return the names of the cells of `lines`."""
    return [*_columns(), _("Currency")]


def lines(statement: Statement) -> Iterator[list[Cell]]:
    """Yield lines below a heading that says account, cycle and price."""
    return ([*row, currency(statement)] for row in _rows(statement))


def facts_of(statement: Statement) -> list[tuple[str, str]]:
    """Return what the statement is about, each with its name."""
    window = statement.window
    values = [
        statement.account.label,
        window.start_at.astimezone(UTC).isoformat(),
        window.end_at.astimezone(UTC).isoformat(),
        _final(statement),
    ]
    return list(zip(_facts(), values, strict=True))


def _final(statement: Statement) -> str:
    if statement.window.is_closed and not statement.window.end_is_sure:
        return _("no: its end is inferred")
    return _("yes") if statement.is_final else _("so far")


def currency(statement: Statement) -> str:
    """Return the currency's code, empty without a price."""
    return statement.price.currency if statement.price else ""


def _facts() -> list[str]:
    return [_("Account"), _("Cycle start (UTC)"), _("Cycle end (UTC)"), _("Final")]


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


def month_csv(month: MonthStatement) -> bytes:
    """Return one flat table of all statements; what is not in the sums says why."""
    return csv_cells.table([_month_head(), *_month_lines(month)])


def month_xlsx(month: MonthStatement) -> bytes:
    """Return a workbook of the sums and of all lines; the same month gives the same bytes."""
    file = BytesIO()
    book = workbook(file, created=datetime.combine(month.month, time.min, tzinfo=UTC))
    for name, names, rows, widths in (
        (_("Sums"), head(), _sum_lines(month), WIDTHS),
        (_("Lines"), _month_head(), _month_lines(month), MONTH_WIDTHS),
    ):
        write_table(book, book.add_worksheet(name), names, rows, widths=widths)
    book.close()
    return file.getvalue()


def _month_head() -> list[str]:
    return [_("Left out of the sums"), *full_head()]


def _month_lines(month: MonthStatement) -> Iterator[list[Cell]]:
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
