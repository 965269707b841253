"""The summary of a team: how much is left and until when, its accounts, and its last removals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.removals.models import RemovalRow, State
from dashboard.teams.models import Team
from dashboard.usage import forecast_text, formatting
from dashboard.usage.reading_notes import failure
from dashboard.usage.standing import Standing, Total

LOW_SHARE = 0.1
RECENT = 6
UNKNOWN_DAYS = 30


@dataclass(frozen=True)
class AccountCard:
    """An account on the overview: where it stands, its state in a word, and its times as text."""

    standing: Standing
    url: str
    kind: str
    word: str
    cycle: str
    renews: str
    read: str
    lasts: str
    lasts_url: str

    @property
    def renewal(self) -> str:
        """Return the cycle and when it renews, in one phrase."""
        return ", ".join(part for part in (self.cycle, self.renews) if part)

    @property
    def source_url(self) -> str:
        """Return the address of the reading that the numbers come from, empty without one."""
        return f"{self.url}readings/{self.standing.source}/" if self.standing.source else ""

    @property
    def failure(self) -> str:
        """Return why the last reading failed, empty where it did not."""
        return failure(self.standing)


def account_cards(team: Team, standings: Iterable[Standing], *, at: datetime) -> list[AccountCard]:
    """Return a card for each account, in the given order."""
    # Accounts lie below their list; `reverse` for each would cost as much as the rest of a card.
    below, zone = reverse("usage:accounts", args=[team.slug]), team.zone
    why = reverse("overview:explain", args=[team.slug, "runs-out"])
    return [
        _card(one, f"{below}{one.account_id}/", f"{why}{one.account_id}/", zone, at=at)
        for one in standings
    ]


def is_low(one: Standing) -> bool:
    """Say whether the included credits run out, or a tenth of them is left."""
    if one.included is None or one.remaining is None:
        return False
    return one.runs_out is not None or one.remaining <= one.included * LOW_SHARE


def _card(one: Standing, url: str, why: str, zone: ZoneInfo, *, at: datetime) -> AccountCard:
    kind, word = _state(one)
    days = one.renews_in_days
    return AccountCard(
        one,
        url,
        kind,
        word,
        cycle=formatting.span(one.window, zone, at=at) if one.window else "",
        renews="" if days is None else _("renews in %(days)s") % {"days": formatting.days(days)},
        read=formatting.clock(one.as_of, zone, at=at) if one.as_of else "",
        lasts=forecast_text.in_short(one, zone, at=at),
        lasts_url=why,
    )


def _state(one: Standing) -> tuple[str, str]:
    if not one.is_read:
        return ("bad", _("Cannot be read")) if one.failed_at else ("neutral", _("Not read yet"))
    if one.degraded_at:
        return "bad", _("Small pictures")
    if one.stale:
        return "warn", _("Stale")
    if one.remaining is None:
        return "neutral", _("Credits unknown")
    if not one.adds_up:
        return "warn", _("Contradictory")
    if one.remaining == 0:
        return "bad", _("Included credits used up")
    if is_low(one):
        return "warn", _("Running low")
    if not one.is_counted:
        return "info", _("Same as %(account)s?") % {"account": one.twin_of}
    return "ok", _("Healthy")


def recent_removals(team: Team, *, at: datetime) -> tuple[list[RemovalRow], int]:
    """Return the newest removals, and how many of 30 days have an outcome that nobody knows.

    Those that a person ran again are decided (2 queries).
    """
    newest = team.removals.newest_first().values_list(*RemovalRow._fields)[:RECENT]
    since = at - timedelta(days=UNKNOWN_DAYS)
    unknown = team.removals.filter(state=State.UNKNOWN, queued_at__gte=since, runs_again=None)
    return [RemovalRow(*row) for row in newest], unknown.count()


def summary_sentence(sums: Total, standings: Sequence[Standing]) -> str:
    """Say in one sentence how much is left and until when."""
    if not standings:
        return _("No account yet: add a RemBG key, and its credits and cycles appear here.")
    if sums.spendable is None and any(one.is_read for one in standings):
        return _("How many credits are left is unknown: RemBG did not say.")
    if sums.spendable is None:
        return _("How many credits are left is unknown: no account could be read yet.")
    text = _spendable(sums, sums.spendable)
    renewal = _next_renewal(standings)
    if renewal is None:
        return f"{text}."
    return text + _("; %(account)s renews in %(days)s.") % {
        "account": renewal.label,
        "days": formatting.days(renewal.renews_in_days or 0),
    }


def _spendable(sums: Total, credits: int) -> str:
    if sums.is_lower_bound:
        text = ngettext(
            "At least %(credits)s credit can be spent now",
            "At least %(credits)s credits can be spent now",
            credits,
        )
    else:
        text = ngettext(
            "%(credits)s credit can be spent now", "%(credits)s credits can be spent now", credits
        )
    return text % {"credits": formatting.number(credits)}


def _next_renewal(standings: Iterable[Standing]) -> Standing | None:
    running = [one for one in standings if one.is_counted and one.renews_in_days is not None]
    return min(running, key=lambda one: (one.renews_in_days, one.label), default=None)
