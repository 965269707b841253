"""Where an account stands: what its readings say about now, and how sure that is."""

from __future__ import annotations

import math
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import OuterRef, Q, Subquery

from dashboard.keys.models import Account, AccountQuerySet
from dashboard.rembg.usage import LESS_LEFT, left_of, spendable_of, used_of
from dashboard.teams.models import Team
from dashboard.usage.forecast import Forecast, RunOut, Verdict
from dashboard.usage.models import Kind, Snapshot, SnapshotQuerySet
from dashboard.usage.models.reading import USABLE
from dashboard.usage.outlook import Kept
from dashboard.usage.since import since
from dashboard.usage.windows import Window

STALE_AFTER_POLLS = 3
LONG_FIELDS = ("raw",)
OF_LISTED = ("pk", "label", "same_as__label", "same_as", "removed_credits", "degraded_at")
OUTLOOK = [f"outlook__{name}" for name in Kept._fields]


class Line(NamedTuple):
    """A reading, named as a Snapshot's fields are."""

    pk: UUID
    account_id: UUID
    outcome: str
    asked_at: datetime
    error: str
    message: str
    membership: str
    included_credits: int | None
    prepaid_credits: int | None
    used_included_credits: int | None
    remaining_included_credits: int | None
    app_usage: int | None
    api_usage: int | None
    period_start_at: datetime | None
    period_end_at: datetime | None
    synced: bool | None
    kind: str
    problems: list[dict[str, str]]
    clock_skew_seconds: int | None
    removed_credits: int | None

    @property
    def is_good(self) -> bool:
        """Say whether its numbers can be shown."""
        return self.outcome in USABLE

    @property
    def is_doubted(self) -> bool:
        """Say whether it waits to be confirmed."""
        return self.outcome == Snapshot.Outcome.DOUBTED

    @property
    def used(self) -> int | None:
        """Return app and API credits of the window."""
        return used_of(self.app_usage, self.api_usage, self.used_included_credits)

    @property
    def left(self) -> int | None:
        """Return the included credits left."""
        return left_of(self.included_credits, self.remaining_included_credits, self.used)


class Listed(NamedTuple):
    """An account in a list: which account it seems to equal, and its outlook."""

    pk: UUID
    label: str
    twin_of: str
    twin_of_id: UUID | None
    removed_credits: int
    degraded_at: datetime | None = None
    kept: Kept | None = None


def newest_readings(accounts: AccountQuerySet) -> SnapshotQuerySet:
    """Return each one's newest reading of the running cycle and its newest good one.

    One row where they are the same; the newest first.
    """
    readings = Snapshot.objects.filter(account=OuterRef("pk"))
    newest = readings.filter(mode=Snapshot.Mode.CURRENT).newest_first()
    accounts = accounts.order_by().annotate(
        newest_pk=Subquery(newest.values("pk")[:1]),
        good_pk=Subquery(readings.newest_good().values("pk")[:1]),
    )
    named = Q(pk__in=accounts.values("newest_pk")) | Q(pk__in=accounts.values("good_pk"))
    return Snapshot.objects.filter(named).newest_first()


def lines(rows: Iterable[tuple[Any, ...]]) -> Mapping[UUID, list[Line]]:
    """Return the rows of readings by account, in their order; none for an account without one."""
    found: defaultdict[UUID, list[Line]] = defaultdict(list)
    for row in rows:
        line = Line(*row)
        found[line.account_id].append(line)
    return found


def listed(team: Team) -> list[Listed]:
    """Return the active accounts of a team, by label (1 query)."""
    rows = team.accounts.active().order_by("label", "pk").values_list(*OF_LISTED, *OUTLOOK)
    return [
        Listed(pk, label, twin or "", twin_id, removed, degraded, Kept(*kept) if kept[0] else None)
        for pk, label, twin, twin_id, removed, degraded, *kept in rows
    ]


def newest_of(team: Team) -> Mapping[UUID, list[Line]]:
    """Return the newest readings of its active accounts, the newest first (1 query)."""
    return lines(newest_readings(team.accounts.active()).values_list(*Line._fields))


Reading = Snapshot | Line


@dataclass(frozen=True)
class Standing:
    """What is known of an account at a moment, in credits; None is unknown, never 0."""

    account_id: uuid.UUID
    label: str
    at: datetime
    twin_of: str = ""
    twin_of_id: uuid.UUID | None = None
    # When it answered a removal with the small picture of an account without credits.
    degraded_at: datetime | None = None
    failed_at: datetime | None = None
    last_error: str = ""
    last_message: str = ""
    doubted_at: datetime | None = None
    plan: str = ""
    included: int | None = None
    used: int | None = None
    app_usage: int | None = None
    api_usage: int | None = None
    remaining: int | None = None
    prepaid: int | None = None
    window: Window | None = None
    synced: bool | None = None
    as_of: datetime | None = None
    stale: bool = False
    source: uuid.UUID | None = None
    problems: tuple[dict[str, str], ...] = ()
    clock_skew_seconds: int | None = None
    outlook: Forecast | None = None
    # Credits charged through us that these numbers do not show yet (D21).
    since: int = 0

    @property
    def is_read(self) -> bool:
        """Say whether there is any good reading."""
        return self.as_of is not None

    @property
    def is_counted(self) -> bool:
        """Say whether team totals add this account; a twin waits for a person's decision (D14)."""
        return not self.twin_of

    @property
    def spendable(self) -> int | None:
        """Return the included credits left and the prepaid ones, None unless both are known."""
        return spendable_of(self.remaining, self.prepaid)

    @property
    def adds_up(self) -> bool:
        """Say whether as much is left as the counters leave; else nobody is warned (D1)."""
        return all(problem["code"] != LESS_LEFT for problem in self.problems)

    @property
    def stale_since(self) -> datetime | None:
        """Return since when the numbers may be wrong: since they were read."""
        return self.as_of if self.stale else None

    @property
    def renews_in_days(self) -> int | None:
        """Return the days to the renewal, rounded up; None when unknown or past."""
        if self.window is None or not self.window.is_now(at=self.at):
            return None
        return math.ceil((self.window.end_at - self.at) / timedelta(days=1))

    @property
    def runs_out(self) -> RunOut | None:
        """Return when the included credits run out, if the forecast says that they will."""
        ahead = self.outlook.included if self.outlook else None
        will = ahead is not None and ahead.verdict == Verdict.NO and bool(self.remaining)
        will = will and self.adds_up
        return ahead if will else None


@dataclass(frozen=True)
class Total:
    """Sums over a team's accounts, in credits; what is unknown is named, not counted as 0.

    `undecided` are the accounts that may be another one and wait for a person, uncounted (D19).
    """

    remaining: int | None
    prepaid: int | None
    spendable: int | None
    unknown: tuple[str, ...]
    as_of: datetime | None
    stale: bool
    since: int
    undecided: tuple[Standing, ...] = ()

    @property
    def is_lower_bound(self) -> bool:
        """Say whether there may be more: an account is unknown, or waits for a decision."""
        return bool(self.unknown or self.undecided)


def standing_of(account: Account, readings: Sequence[Reading], *, at: datetime) -> Standing:
    """Return where the account stands, from its readings as `newest_readings` gives them."""
    return _stand(_listed(account), readings, at=at)


def window_of(reading: Reading) -> Window | None:
    """Return the window that a reading speaks of; None when it does not say."""
    start, end = reading.period_start_at, reading.period_end_at
    if start is None or end is None or end <= start:
        return None
    return Window(
        reading.kind or Kind.STRIPE,
        start,
        end,
        reading.app_usage,
        reading.api_usage,
        reading.included_credits,
        reading.asked_at,
    )


def standings(team: Team, *, at: datetime) -> list[Standing]:
    """Return where each active account of the team stands, by label (2 queries)."""
    accounts, readings = listed(team), newest_of(team)
    return [_stand(one, readings.get(one.pk, ()), at=at) for one in accounts]


def everywhere(*, at: datetime) -> list[tuple[Account, Standing]]:
    """Return every team's active accounts and where each stands (2 queries, however many)."""
    active = Account.objects.active()
    readings = lines(newest_readings(active).values_list(*Line._fields))
    accounts = active.select_related("team", "same_as").order_by("team__slug", "created_at", "pk")
    return [(one, standing_of(one, readings.get(one.pk, ()), at=at)) for one in accounts]


def standing(account: Account, *, at: datetime) -> Standing:
    """Return where one account stands (1 query); `same_as` and `outlook` are to be loaded."""
    found = newest_readings(Account.objects.filter(pk=account.pk)).defer(*LONG_FIELDS)
    return _stand(_listed(account)._replace(kept=Kept.of(account)), list(found), at=at)


def total(standings: Iterable[Standing]) -> Total:
    """Add the counted accounts up; a sum with nothing known in it is unknown."""
    found = list(standings)
    counted = [one for one in found if one.is_counted]
    ages = [one.as_of for one in counted if one.as_of]
    return Total(
        remaining=_sum([one.remaining for one in counted]),
        prepaid=_sum([one.prepaid for one in counted]),
        spendable=_sum([one.spendable for one in counted]),
        unknown=tuple(one.label for one in counted if one.spendable is None),
        as_of=min(ages, default=None),
        stale=any(one.stale for one in counted),
        undecided=tuple(one for one in found if not one.is_counted),
        since=sum(one.since for one in counted),
    )


def _listed(account: Account) -> Listed:
    twin_of = account.same_as.label if account.same_as else ""
    removed, degraded_at = account.removed_credits, account.degraded_at
    return Listed(account.pk, account.label, twin_of, account.same_as_id, removed, degraded_at)


def _stand(one: Listed, readings: Sequence[Reading], *, at: datetime) -> Standing:
    good = next((reading for reading in readings if reading.is_good), None)
    newest = readings[0] if readings else None
    failed = newest if newest and not (newest.is_good or newest.is_doubted) else None
    known = Standing(
        one.pk,
        one.label,
        at,
        one.twin_of,
        one.twin_of_id,
        one.degraded_at,
        failed_at=failed.asked_at if failed else None,
        last_error=failed.error if failed else "",
        last_message=failed.message if failed else "",
        doubted_at=newest.asked_at if newest and newest.is_doubted else None,
    )
    return known if good is None else _read(known, good, one)


def _read(known: Standing, good: Reading, one: Listed) -> Standing:
    """Add what a good reading says, and what came since."""
    window, at, kept = window_of(good), known.at, one.kept
    return replace(
        known,
        plan=good.membership,
        included=good.included_credits,
        used=good.used,
        app_usage=good.app_usage,
        api_usage=good.api_usage,
        remaining=good.left,
        prepaid=good.prepaid_credits,
        window=window,
        synced=good.synced,
        as_of=good.asked_at,
        stale=known.failed_at is not None or _is_old(good, window, at=at),
        source=good.pk,
        problems=tuple(good.problems),
        clock_skew_seconds=good.clock_skew_seconds,
        # An outlook is of its window, while that runs.
        outlook=kept.about(window) if kept and window and window.is_now(at=at) else None,
        since=since(one.removed_credits, good.removed_credits),
    )


def _is_old(good: Reading, window: Window | None, *, at: datetime) -> bool:
    limit = timedelta(seconds=settings.POLL_SECONDS * STALE_AFTER_POLLS)
    return at - good.asked_at > limit or (window is not None and window.end_at <= at)


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
