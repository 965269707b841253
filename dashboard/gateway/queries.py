"""Prepared queries of a call of the gateway: their SQL is written once (eight statements a call).

For so short a question Django takes several times as long to write the SQL as the database to
answer it, and at the gateway that halves what passes (docs/decisions.md). Only the gateway uses
this; each statement is compared with what the ORM does in tests/gateway/test_queries.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.db.models import DateTimeField, Field, Model, QuerySet, UUIDField

from dashboard.gateway.models import VirtualKey
from dashboard.keys.models import READ_SOON, Account, ApiKey, note_degraded
from dashboard.removals import budgets, payers
from dashboard.removals.models import Budget, Removal, Spending
from dashboard.removals.models.removal import PAID_FROM
from dashboard.teams.models import Membership, Team, User

AnyModel = TypeVar("AnyModel", bound=Model)
# No question has one of these for another reason, so that each is known again in its SQL.
EXAMPLES: dict[type, Callable[[int], Any]] = {
    int: lambda number: 31_071 + number,
    str: lambda number: f"example {number} of no row",
    datetime: lambda number: datetime(1931, 7, 13, microsecond=number, tzinfo=UTC),
    UUID: lambda number: UUID(int=0xE5A3 << 96 | number),
}
PLAIN = (str, int, type(None))  # No JSON field of a removal holds one of these.
ADAPTED: dict[type, Field[Any, Any]] = {datetime: DateTimeField(), UUID: UUIDField()}


def _moment(value: datetime | str) -> datetime:
    """Return an aware moment; SQLite gives a column's without a zone, an expression's as text."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC)


# What a column's value becomes, by the field's type; PostgreSQL's driver does most of it.
CONVERTED: dict[str, dict[str, Callable[[Any], Any]]] = {
    "sqlite": {
        "UUIDField": UUID,
        "DateTimeField": _moment,
        "BooleanField": bool,
        "JSONField": json.loads,
    },
    "postgresql": {"JSONField": json.loads},
}


@dataclass(frozen=True)
class SelectedModel:
    """The columns of one model in a row: where they stand, and on which attribute it is set."""

    model: type[Model]
    path: str
    names: list[str]
    columns: slice
    pk: int

    @classmethod
    def of(cls, path: str, model: type[Model], *, start: int) -> SelectedModel:
        """Lay out all columns of a model from this number on."""
        names = [field.attname for field in _columns(model)]
        pk = start + names.index(model._meta.pk.attname)
        return cls(model, path, names, slice(start, start + len(names)), pk)

    def asked(self) -> list[str]:
        """Return what to ask for, as `values_list` takes it."""
        return [f"{self.path}__{name}" if self.path else name for name in self.names]


class PreparedQuery(Generic[AnyModel]):
    """A query for a model's rows, with those of `related`, that is asked with other values.

    `build` returns it for named parameters of these kinds; its SQL must not depend on them.
    """

    def __init__(
        self,
        model: type[AnyModel],
        build: Callable[..., QuerySet[AnyModel, Any]],
        *,
        related: dict[str, type[Model]] | None = None,
        more: Sequence[str] = (),
        **kinds: type,
    ) -> None:
        self._build = build
        self._examples = {
            name: EXAMPLES[kind](number) for number, (name, kind) in enumerate(kinds.items())
        }
        self._parts: list[SelectedModel] = []
        start = 0
        models: dict[str, type[Model]] = {"": model, **(related or {})}
        for path, each in models.items():
            self._parts.append(SelectedModel.of(path, each, start=start))
            start = self._parts[-1].columns.stop
        self._more = {name: start + number for number, name in enumerate(more)}
        self._texts: dict[str, tuple[str, list[tuple[str, Any]]]] = {}
        self._converters: dict[str, list[tuple[int, Callable[[Any], Any]]]] = {}

    def rows(self, **values: Any) -> list[AnyModel]:
        """Return what the database has (1 query)."""
        sql, parameters = self._texts.get(connection.vendor) or self._text()
        given = {name: _adapted(value) for name, value in values.items()}
        with connection.cursor() as cursor:
            cursor.execute(sql, [given[name] if name else value for name, value in parameters])
            return [self._made(list(row)) for row in cursor.fetchall()]

    def query(self, **values: Any) -> QuerySet[AnyModel, Any]:
        """Return the query as the ORM asks it."""
        return self._build(**values)

    def _text(self) -> tuple[str, list[tuple[str, Any]]]:
        asked = [name for part in self._parts for name in part.asked()]
        query = self._build(**self._examples).values_list(*asked, *self._more)
        sql, parameters = query.query.sql_with_params()
        names = {_adapted(value): name for name, value in self._examples.items()}
        places = [(names.get(value, ""), value) for value in parameters]
        if missing := set(names.values()) - {name for name, _value in places}:
            raise ValueError(f"The SQL does not hold {', '.join(sorted(missing))}.")
        kinds = [_kind(field) for part in self._parts for field in _columns(part.model)]
        kinds += ["DateTimeField"] * len(self._more)
        table = CONVERTED[connection.vendor]
        self._converters[connection.vendor] = [
            (number, table[kind]) for number, kind in enumerate(kinds) if kind in table
        ]
        self._texts[connection.vendor] = sql, places
        return sql, places

    def _made(self, row: list[Any]) -> AnyModel:
        for number, convert in self._converters[connection.vendor]:
            if row[number] is not None:
                row[number] = convert(row[number])
        made: dict[str, Any] = {}
        for part in self._parts:
            found = None
            if row[part.pk] is not None:
                found = part.model.from_db(DEFAULT_DB_ALIAS, part.names, row[part.columns])
            made[part.path] = found
            owner, _, name = part.path.rpartition("__")
            if name and made[owner] is not None:
                setattr(made[owner], name, found)
        for name, number in self._more.items():
            setattr(made[""], name, row[number])
        return made[""]


def virtual_key(digest: str, *, at: datetime) -> VirtualKey | None:
    """Return the key with this digest, or with it until an overlap ends (1 query)."""
    key = next(iter(KEYS_OF_MEMBERS.rows(digest=digest, at=at)), None)
    if key is not None and key.membership is not None:
        key.membership.team = key.team
    return key


def usable_keys(team: int) -> list[ApiKey]:
    """Return the keys of a team's active accounts, with these (1 query)."""
    return KEYS_OF_ACCOUNTS.rows(team=team)


def binding(removal: Removal) -> list[Budget]:
    """Return the budgets that a removal counts against, with the cycles they follow (1 query)."""
    return BUDGETS.rows(team=removal.team_id, **removal.subjects)


def covering(budget: Budget, *, at: datetime) -> list[Spending]:
    """Return what a budget has counted in the cycles that a moment lies in (1 query)."""
    return SPENDINGS.rows(budget=budget.pk, at=at)


def take(spending: Spending, *, below: int | None) -> bool:
    """Take one credit if less than `below` are taken (promises 0.6; 1 query)."""
    if below is None:
        return bool(_changed(TAKE, [spending.pk]))
    return bool(_changed(f"{TAKE} AND taken < %s", [spending.pk, below]))


def insert(removal: Removal) -> None:
    """Write a new row, as `save(force_insert=True)` does (1 query)."""
    _changed(INSERT, [_saved(each, getattr(removal, each.attname)) for each in _columns(Removal)])
    removal._state.adding, removal._state.db = False, DEFAULT_DB_ALIAS


def finish(removal: Removal, *, at: datetime, **result: Any) -> bool:
    """Write down a result, as `Removal.finish` does (2 queries)."""
    changes = removal.finished(at=at, **result)
    fields = {field.attname: field for field in _columns(Removal)}
    values = [_saved(fields[name], value) for name, value in changes.items()]
    columns = ", ".join(f"{fields[name].column} = %s" for name in changes)
    where = f"id = %s AND attempt = %s AND state IN ({', '.join('%s' for _ in PAID_FROM)})"
    ours = [_adapted(removal.pk), _adapted(removal.attempt), *PAID_FROM]
    with transaction.atomic():
        moved = _changed(f"UPDATE {REMOVALS} SET {columns} WHERE {where}", [*values, *ours])
        if moved and removal.account_id is not None:
            soon = _adapted(at + READ_SOON)
            _changed(CHARGE, [soon, soon, _adapted(removal.account_id)])
            if changes["degraded"]:
                note_degraded(removal.account_id, at=at)
    if moved:
        removal.take_over(changes)
    return bool(moved)


def _changed(sql: str, parameters: Sequence[Any]) -> int:
    with transaction.mark_for_rollback_on_error(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def _columns(model: type[Model]) -> list[Field[Any, Any]]:
    return [field for field in model._meta.get_fields() if isinstance(field, Field)]


def _kind(field: Field[Any, Any]) -> str:
    other = field.related_model
    return other._meta.pk.get_internal_type() if other else field.get_internal_type()


def _saved(field: Field[Any, Any], value: Any) -> Any:
    """Return a field's value as the database's driver takes it; the plain ones as they are."""
    return value if isinstance(value, PLAIN) else field.get_db_prep_save(value, connection)


def _adapted(value: Any) -> Any:
    """Return a value as the database's driver takes it."""
    field = ADAPTED.get(type(value))
    return field.get_db_prep_value(value, connection) if field else value


KEYS_OF_MEMBERS = PreparedQuery(
    VirtualKey,
    lambda digest, at: VirtualKey.objects.opened_by(digest, at=at)[:1],
    related={"team": Team, "membership": Membership, "membership__user": User},
    digest=str,
    at=datetime,
)
KEYS_OF_ACCOUNTS = PreparedQuery(ApiKey, payers.keys_of, related={"account": Account}, team=int)
BUDGETS = PreparedQuery(
    Budget,
    budgets.binding_query,
    more=("cycle_start_at", "cycle_end_at"),
    team=int,
    user=str,
    key=str,
    tag=str,
)
SPENDINGS = PreparedQuery(
    Spending,
    lambda budget, at: Spending.objects.filter(budget=budget).covering(at),
    budget=UUID,
    at=datetime,
)
REMOVALS = Removal._meta.db_table
TAKE = f"UPDATE {Spending._meta.db_table} SET taken = taken + 1 WHERE id = %s"
CHARGE = (
    f"UPDATE {Account._meta.db_table} SET removed_credits = removed_credits + 1, next_poll_at ="
    " CASE WHEN failed_polls = 0 AND next_poll_at > %s THEN %s ELSE next_poll_at END WHERE id = %s"
)
INSERT = (
    f"INSERT INTO {REMOVALS} ({', '.join(str(field.column) for field in _columns(Removal))})"
    f" VALUES ({', '.join('%s' for _ in _columns(Removal))})"
)
