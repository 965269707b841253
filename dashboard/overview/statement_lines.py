"""A statement as lines of a table, for files: what a line says, and what its cells are called."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from django.utils.translation import gettext as _

from dashboard.lib.csv_cells import Cell
from dashboard.overview.statements import Entry, Statement


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
