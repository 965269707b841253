"""Queries whose SQL is written once and asked often.

For a short query Django takes several times as long to write the SQL as the database to answer it
(`docs/decisions.md`). Here the text is kept; what a row's columns become stays the ORM's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import DateTimeField, Field, Model, QuerySet, UUIDField
from django.db.models.sql.compiler import SQLCompiler

M = TypeVar("M", bound=Model)

FIELDS: dict[type, Field[Any, Any]] = {datetime: DateTimeField(), UUID: UUIDField()}
# No query has one of these for another reason, so it is known again in the SQL's parameters.
EXAMPLES: dict[type, Callable[[int], Any]] = {
    int: lambda number: 1_931_071_300 + number,
    str: lambda number: f"example {number} of no row",
    datetime: lambda number: datetime(1931, 7, 13, microsecond=number, tzinfo=UTC),
    UUID: lambda number: UUID(int=0xE5A3 << 96 | number),
}


@dataclass(frozen=True)
class Plan:
    """The SQL of a query, its parameters in order, and how a row's columns become values."""

    sql: str
    # A parameter's name, or "" and a value that is always the same.
    parameters: tuple[tuple[str, Any], ...]
    compiler: SQLCompiler
    converters: dict[int, Any]


class Prepared:
    """A `values_list` with named parameters, each an int, str, datetime or UUID and never None.

    `build` gets a value of each and returns the query; its SQL must not depend on which.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], **kinds: type) -> None:
        self._build = build
        self._kinds = kinds
        self._plans: dict[str, Plan] = {}

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """Return what the database has (1 query)."""
        plan = self._plans.get(connection.vendor) or self._plan()
        given = {name: _adapted(value) for name, value in values.items()}
        with connection.cursor() as cursor:
            cursor.execute(
                plan.sql, [given[name] if name else value for name, value in plan.parameters]
            )
            rows = cursor.fetchall()
        return [tuple(row) for row in plan.compiler.apply_converters(rows, plan.converters)]

    def query(self, **values: Any) -> QuerySet[Any, Any]:
        """Return the query as the ORM asks it, which gives the same rows."""
        return self._build(**values)

    def _plan(self) -> Plan:
        examples = {
            name: EXAMPLES[kind](number) for number, (name, kind) in enumerate(self._kinds.items())
        }
        compiler = self.query(**examples).query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        names = {_adapted(value): name for name, value in examples.items()}
        named = tuple((names.get(value, ""), value) for value in parameters)
        if missing := set(examples) - {name for name, _value in named}:
            raise ValueError(f"The SQL does not hold {', '.join(sorted(missing))}.")
        columns = [column for column, _sql, _alias in compiler.select[: compiler.col_count]]
        plan = Plan(sql, named, compiler, compiler.get_converters(columns))
        self._plans[connection.vendor] = plan
        return plan


class Columns(Generic[M]):
    """The columns of a model in a `values_list`, by the path of a relation ("team__"), or none."""

    def __init__(self, model: type[M], path: str = "") -> None:
        self._model = model
        self._fields = [field.attname for field in model._meta.concrete_fields]
        self._pk = self._fields.index(model._meta.pk.attname)
        self.names = [f"{path}{name}" for name in self._fields]

    def made(self, row: Iterator[Any]) -> M | None:
        """Take the model from the rest of a row; None where the relation leads nowhere."""
        values = list(islice(row, len(self._fields)))
        if values[self._pk] is None:
            return None
        return self._model.from_db(connection.alias, self._fields, values)


def _adapted(value: Any) -> Any:
    """Return a value as the database driver takes it."""
    field = FIELDS.get(type(value))
    return field.get_db_prep_value(value, connection, prepared=False) if field else value
