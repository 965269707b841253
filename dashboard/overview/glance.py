"""The team at a glance: how much is left, until when, and what was removed last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.removals.models import RemovalRow, State
from dashboard.teams.models import Team
from dashboard.usage import phrases
from dashboard.usage.standing import Standing, Total

RECENT = 6
UNKNOWN_DAYS = 30


def recent_removals(team: Team, *, at: datetime) -> tuple[list[RemovalRow], int]:
    """Return the newest removals, and how many of 30 days have an outcome that nobody knows.

    Those that a person ran again are decided (2 queries).
    """
    newest = team.removals.newest_first().values_list(*RemovalRow._fields)[:RECENT]
    since = at - timedelta(days=UNKNOWN_DAYS)
    unknown = team.removals.filter(state=State.UNKNOWN, queued_at__gte=since, runs_again=None)
    return [RemovalRow(*row) for row in newest], unknown.count()


def answer(sums: Total, standings: Sequence[Standing]) -> str:
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
        "days": phrases.days(renewal.renews_in_days or 0),
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
    return text % {"credits": phrases.number(credits)}


def _next_renewal(standings: Iterable[Standing]) -> Standing | None:
    running = [one for one in standings if one.is_counted and one.renews_in_days is not None]
    return min(running, key=lambda one: (one.renews_in_days, one.label), default=None)
