"""Queries, updates and inserts whose SQL is written once and asked often.

For a short query Django takes several times as long to write the SQL as the database to answer it
(`docs/decisions.md`). Here the text is kept; what a row's columns become stays the ORM's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.models import DateTimeField, Field, Model, QuerySet, UUIDField
from django.db.models.sql import InsertQuery, UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

Built = TypeVar("Built")
FIELDS: dict[type, Field[Any, Any]] = {datetime: DateTimeField(), UUID: UUIDField()}
# No query has one of these for another reason, so it is known again in the SQL's parameters. The
# numbers fit into every kind of integer column: the ORM drops a comparison that cannot hold.
EXAMPLES: dict[type, Callable[[int], Any]] = {
    int: lambda number: 31_071 + number,
    str: lambda number: f"example {number} of no row",
    datetime: lambda number: datetime(1931, 7, 13, microsecond=number, tzinfo=UTC),
    UUID: lambda number: UUID(int=0xE5A3 << 96 | number),
}


@dataclass(frozen=True)
class Plan:
    """SQL, its parameters in order, and the compiler that wrote it."""

    sql: str
    # A parameter's name, or "" and a value that is always the same.
    parameters: tuple[tuple[str, Any], ...]
    compiler: Any

    @classmethod
    def of(cls, compiler: SQLCompiler, examples: dict[str, Any]) -> Plan:
        """Return what a compiler writes where it got these; raise ValueError if one is missing."""
        sql, parameters = compiler.as_sql()
        known = {name: value for name, value in examples.items() if value is not None}
        names = {_adapted(value, connection): name for name, value in known.items()}
        named = tuple((names.get(value, ""), value) for value in parameters)
        if missing := set(names.values()) - {name for name, _value in named}:
            raise ValueError(f"The SQL does not hold {', '.join(sorted(missing))}.")
        return cls(sql, named, compiler)

    @cached_property
    def converters(self) -> dict[int, Any]:
        """Return what makes the database's values ours, by the number of the column."""
        columns = [column for column, *_ in self.compiler.select[: self.compiler.col_count]]
        found: dict[int, Any] = self.compiler.get_converters(columns)
        return found

    @cached_property
    def maker(self) -> Callable[[Sequence[Any]], Any]:
        """Return what makes the model's object of a row, with what `annotate` names."""
        made = _maker(self.compiler, self.compiler.klass_info)
        annotated = self.compiler.annotation_col_map.items()

        def annotated_made(row: Sequence[Any]) -> Any:
            found = made(row)
            for name, number in annotated:
                setattr(found, name, row[number])
            return found

        return annotated_made if annotated else made

    def filled(self, values: dict[str, Any]) -> list[Any]:
        """Return the parameters in order, with these values among them."""
        database = connections[DEFAULT_DB_ALIAS]  # `connection` looks it up at each use.
        given = {name: _adapted(value, database) for name, value in values.items()}
        return [given[name] if name else value for name, value in self.parameters]


class Kept(Generic[Built]):
    """What `build` makes of named parameters, each an int, str, datetime, UUID or None.

    Its SQL must not depend on their values; where one is None, another is written and kept.
    """

    def __init__(self, build: Callable[..., Built], **kinds: type) -> None:
        self._build = build
        self._examples = {
            name: EXAMPLES[kind](number) for number, (name, kind) in enumerate(kinds.items())
        }
        self._plans: dict[tuple[str, ...], Plan] = {}

    def _plan(self, values: dict[str, Any]) -> Plan:
        unset = [name for name, value in values.items() if value is None]
        place = (connection.vendor, *unset)
        if plan := self._plans.get(place):
            return plan
        examples = self._examples | dict.fromkeys(unset)
        # Of its own, for a plan outlives the thread that asks first, and would keep its open one.
        closed = connections.create_connection(DEFAULT_DB_ALIAS)
        plan = Plan.of(self._compiler(self._build(**examples), closed), examples)
        closed.close()
        self._plans[place] = plan
        return plan

    def _compiler(self, built: Built, database: Any) -> SQLCompiler:
        raise NotImplementedError


class Prepared(Kept[QuerySet[Any, Any]]):
    """A query that `build` returns, asked without the ORM."""

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """Return what the database has, as `values_list` does (1 query)."""
        return [tuple(row) for row in self._rows(self._plan(values), values)]

    def objects(self, **values: Any) -> list[Any]:
        """Return what the database has as the model's objects, of a query for such (1 query).

        What `select_related` and `annotate` name is with them.
        """
        plan = self._plan(values)
        return [plan.maker(row) for row in self._rows(plan, values)]

    def first(self, **values: Any) -> Any:
        """Return the first of the objects, or None (1 query)."""
        return next(iter(self.objects(**values)), None)

    def query(self, **values: Any) -> QuerySet[Any, Any]:
        """Return the query as the ORM asks it, which gives the same rows."""
        return self._build(**values)

    def _rows(self, plan: Plan, values: dict[str, Any]) -> Iterable[Sequence[Any]]:
        with connection.cursor() as cursor:
            cursor.execute(plan.sql, plan.filled(values))
            rows = cursor.fetchall()
        converted: Iterable[Sequence[Any]] = plan.compiler.apply_converters(rows, plan.converters)
        return converted

    def _compiler(self, built: QuerySet[Any, Any], database: Any) -> SQLCompiler:
        return built.query.get_compiler(connection=database)


class PreparedUpdate(Kept[tuple[QuerySet[Any, Any], dict[str, Any]]]):
    """An update: `build` returns the rows and what changes in them."""

    def update(self, **values: Any) -> int:
        """Change the rows that match, and return how many (1 query)."""
        plan = self._plan(values)
        with transaction.mark_for_rollback_on_error(), connection.cursor() as cursor:
            cursor.execute(plan.sql, plan.filled(values))
            return int(cursor.rowcount)

    def orm_update(self, **values: Any) -> int:
        """Do the same as the ORM does it."""
        rows, changes = self._build(**values)
        return rows.update(**changes)

    def _compiler(
        self, built: tuple[QuerySet[Any, Any], dict[str, Any]], database: Any
    ) -> SQLCompiler:
        rows, changes = built
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(changes)
        compiler: SQLCompiler = query.get_compiler(connection=database)
        return compiler


class PreparedInsert:
    """A new row of a model with all its columns; its primary key is the model's to give."""

    def __init__(self, model: type[Model]) -> None:
        self._fields = model._meta.concrete_fields
        self._texts: dict[str, str] = {}

    def insert(self, row: Model) -> None:
        """Write the row, as `save` would without its signals (1 query)."""
        sql = self._texts.get(connection.vendor) or self._text(row)
        database: Any = connections[DEFAULT_DB_ALIAS]
        values = [
            field.get_db_prep_save(field.pre_save(row, add=True), database)
            for field in self._fields
        ]
        with transaction.mark_for_rollback_on_error(), database.cursor() as cursor:
            cursor.execute(sql, values)
        row._state.adding, row._state.db = False, database.alias

    def _text(self, row: Model) -> str:
        query = InsertQuery(type(row))
        query.insert_values(self._fields, [row])
        compiler: Any = query.get_compiler(connection=connection)
        ((sql, parameters),) = compiler.as_sql()
        if len(parameters) != len(self._fields):
            raise ValueError("A column of this row is an expression.")
        self._texts[connection.vendor] = sql
        return str(sql)


def _maker(compiler: Any, told: dict[str, Any]) -> Callable[[Sequence[Any]], Any]:
    """Return what makes an object of a row's columns, with those that `select_related` names.

    It makes None where a relation leads nowhere. `told` is the compiler's word on its columns.
    """
    model, fields = told["model"], told["select_fields"]
    names = [compiler.select[number][0].target.attname for number in fields]
    own, pk = slice(fields[0], fields[-1] + 1), fields[names.index(model._meta.pk.attname)]
    related = [
        (one["local_setter"], one["remote_setter"], _maker(compiler, one))
        for one in told.get("related_klass_infos", ())
    ]

    def made(row: Sequence[Any]) -> Any:
        if row[pk] is None:
            return None
        found = model.from_db(DEFAULT_DB_ALIAS, names, row[own])
        for set_here, set_there, make in related:
            other = make(row)
            set_here(found, other)
            if other is not None:
                set_there(other, found)
        return found

    return made


def _adapted(value: Any, database: Any) -> Any:
    """Return a value as the database driver takes it."""
    field = FIELDS.get(type(value))
    return field.get_db_prep_value(value, database, prepared=False) if field else value
