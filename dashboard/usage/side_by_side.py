"""Several accounts beside each other, each on the day of its own running cycle."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.teams.models import Team
from dashboard.usage import compare_charts, phrases
from dashboard.usage.charts import Chart, Frame
from dashboard.usage.compare_charts import Lane
from dashboard.usage.comparing import Run, common_moment, day_at
from dashboard.usage.runs import runs_of
from dashboard.usage.standing import Standing, standings

# More lines than this cannot be told apart.
MOST = 6


@dataclass(frozen=True)
class Side:
    """One account: where it stands, and its running cycle's run."""

    standing: Standing
    run: Run
    span: str
    url: str
    source_url: str
    by_then: int | None = None

    @property
    def day(self) -> int | None:
        """Return the number of the day it is on."""
        return self.run.day


@dataclass(frozen=True, eq=False)
class SideBySide:
    """The chosen accounts of a team, by default the first by name; nothing is added up."""

    team: Team
    at: datetime
    wanted: Collection[UUID] = field(default_factory=tuple)

    @cached_property
    def standings(self) -> list[Standing]:
        """Every account of which a running cycle is known; a twin waits to be decided (D14)."""
        found = standings(self.team, at=self.at)
        return [one for one in found if one.is_counted and one.renews_in_days is not None]

    @property
    def chosen(self) -> list[Standing]:
        """The accounts that are compared."""
        wanted = [one for one in self.standings if one.account_id in self.wanted]
        return (wanted or self.standings)[:MOST]

    @property
    def cut(self) -> bool:
        """Say whether more accounts were asked for, or there, than can be shown."""
        wanted = [one for one in self.standings if one.account_id in self.wanted]
        return len(wanted or self.standings) > MOST

    @cached_property
    def runs(self) -> list[Run]:
        """The runs of their cycles (2 queries, and 1 for each)."""
        chosen = [one.account_id for one in self.chosen]
        accounts = self.team.accounts.prefetch_related("cycles").in_bulk(chosen)
        found: list[Run] = []
        for one in self.chosen:
            if one.window:
                account = accounts[one.account_id]
                found += runs_of(account, [one.window], cycles=list(account.cycles.all()))
        return found

    @cached_property
    def moment(self) -> timedelta | None:
        """How long after its renewal the least far one is: all have come so far."""
        return common_moment(self.runs)

    @property
    def day(self) -> int | None:
        """The day of that moment."""
        return None if self.moment is None else day_at(self.moment)

    @cached_property
    def sides(self) -> Sequence[Side]:
        """The accounts with their runs."""
        return [self._side(*pair) for pair in zip(self.chosen, self.runs, strict=True)]

    @property
    def sentence(self) -> str:
        """The page's answer: the same day of each."""
        if self.day is None:
            return _("How far each account is in its cycle is not known yet.")
        said = [
            _("%(account)s %(used)s")
            % {"account": side.standing.label, "used": phrases.number(side.by_then)}
            for side in self.sides
        ]
        words = _("Credits used by day %(day)s, the last that all have reached: %(said)s.")
        return words % {"day": self.day, "said": ", ".join(said)}

    @cached_property
    def chart(self) -> Chart:
        """The chart of the accounts by day of the cycle."""
        ages = [one.as_of for one in self.chosen if one.as_of]
        stale = any(one.stale for one in self.chosen)
        return compare_charts.by_day(
            _("Credits used since each account's renewal, by day of the cycle"),
            [self._lane(*one) for one in enumerate(self.sides, start=1)],
            frame=Frame(self.at, self.team.zone, min(ages, default=None), stale=stale),
            summary=self.sentence,
        )

    @property
    def chart_url(self) -> str:
        """The address of the chart's `.json`."""
        return self._with_choice(reverse("usage:compare_accounts_json", args=[self.team.slug]))

    @property
    def why_url(self) -> str:
        """Where the sentence is explained."""
        return self._with_choice(reverse("overview:explain", args=[self.team.slug, "by-day"]))

    def _with_choice(self, address: str) -> str:
        return f"{address}?{urlencode([('account', str(pk)) for pk in sorted(self.wanted)])}"

    def _lane(self, number: int, side: Side) -> Lane:
        label = side.standing.label
        now = _("%(account)s now") % {"account": label}
        return Lane(label, f"account-{number}", side.run, word=now)

    def _side(self, one: Standing, run: Run) -> Side:
        slug = self.team.slug
        return Side(
            one,
            run,
            phrases.span(run.window, self.team.zone, at=self.at),
            reverse("usage:compare", args=[slug, one.account_id]),
            reverse("usage:reading", args=[slug, one.account_id, one.source]),
            run.by(self.moment) if self.moment is not None else None,
        )
