"""The team at a glance: how much is left, until when, and what needs a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Count, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.keys.models import ApiKey
from dashboard.removals.budgets import Use
from dashboard.removals.models import Removal, State
from dashboard.teams.models import Membership, Role, Team
from dashboard.usage import phrases, telling
from dashboard.usage.standing import Standing
from dashboard.usage.states import failure

LOW_SHARE = 0.1
# More accounts than this are read faster in a table.
MOST_CARDS = 6
NUMBERS = ("remaining", "included", "app_usage", "api_usage", "prepaid")
RECENT = 6
UNKNOWN_DAYS = 30
MOST_NAMES = 3


@dataclass(frozen=True)
class Concern:
    """One thing that needs a person: how bad, what, and where to go."""

    kind: str
    title: str
    text: str
    url: str
    action: str
    source_url: str = ""


@dataclass(frozen=True)
class AccountCard:
    """An account on the overview: where it stands, its state in a word, and all of it as text."""

    slug: str
    standing: Standing
    kind: str
    word: str
    cycle: str
    renews: str
    read: str
    numbers: dict[str, str]
    failure: str
    lasts: str = ""

    @property
    def renewal(self) -> str:
        """Return the cycle and when it renews, in one phrase."""
        return ", ".join(part for part in (self.cycle, self.renews) if part)

    @property
    def row(self) -> dict[str, str]:
        """Return the cells of the table as text: a template is quick at plain look-ups only."""
        one = self.standing
        return {
            **self.numbers,
            **{
                f"{name}_is": "" if getattr(one, name) is not None else "unknown"
                for name in NUMBERS
            },
            "url": self.url,
            "source_url": self.source_url,
            "label": one.label,
            "plan": one.plan,
            "row_is": "stale" if one.stale else "",
            "kind": self.kind,
            "word": self.word,
            "cycle": self.cycle,
            "renews": self.renews,
            "read": self.read,
            "lasts": self.lasts,
        }

    @cached_property
    def url(self) -> str:
        """Return the address of the account's page."""
        return reverse("usage:account", args=[self.slug, self.standing.account_id])

    @property
    def source_url(self) -> str:
        """Return the address of the reading that the numbers come from, empty without one."""
        # Below the account's address; a second `reverse` costs as much as the rest of a row.
        return f"{self.url}readings/{self.standing.source}/" if self.standing.source else ""


def account_cards(team: Team, standings: Iterable[Standing], *, at: datetime) -> list[AccountCard]:
    """Return a card for each account, in the given order."""
    return [_card(team, one, at=at) for one in standings]


def concerns(
    membership: Membership,
    cards: Iterable[AccountCard],
    paused_keys: Iterable[ApiKey],
    unknown_removals: int,
    strained: Sequence[Use],
    *,
    locked: str | None,
) -> list[Concern]:
    """Return what needs a person, the worst first; links lead to pages that this person may use."""
    team = membership.team
    found = [
        *_lock_concerns(team, locked),
        *_key_concerns(team, paused_keys),
        *(concern for card in cards for concern in _account_concerns(team, card)),
        *_removal_concerns(team, unknown_removals),
        *_budget_concerns(team, strained),
    ]
    if not membership.may(Role.ADMIN):
        found = [one for one in found if "/keys/" not in one.url]
    return sorted(found, key=lambda one: ["bad", "warn", "info"].index(one.kind))


def recent_removals(team: Team, *, at: datetime) -> tuple[list[Removal], int]:
    """Return the newest removals, and how many of 30 days have an outcome that nobody knows.

    Those that a person ran again are decided. Both come with one query.
    """
    since = at - timedelta(days=UNKNOWN_DAYS)
    unknown = Removal.objects.filter(
        team=team, state=State.UNKNOWN, queued_at__gte=since, runs_again=None
    )
    count = unknown.order_by().values("team").annotate(count=Count("pk")).values("count")
    rows = team.removals.select_related("account").newest_first()
    newest: list[Any] = list(rows.annotate(unknown_count=Subquery(count))[:RECENT])
    return newest, newest[0].unknown_count or 0 if newest else 0


def answer(total_spendable: int | None, standings: Sequence[Standing]) -> str:
    """Say in one sentence how much is left and until when."""
    if not standings:
        return _("No account yet: add a RemBG key, and its credits and cycles appear here.")
    if total_spendable is None and any(one.is_read for one in standings):
        return _("How many credits are left is unknown: RemBG did not say.")
    if total_spendable is None:
        return _("How many credits are left is unknown: no account could be read yet.")
    text = ngettext(
        "%(credits)s credit can be spent now",
        "%(credits)s credits can be spent now",
        total_spendable,
    ) % {"credits": phrases.number(total_spendable)}
    renewal = _next_renewal(standings)
    if renewal is None:
        return f"{text}."
    return text + _("; %(account)s renews in %(days)s.") % {
        "account": renewal.label,
        "days": _days(renewal.renews_in_days or 0),
    }


def _next_renewal(standings: Iterable[Standing]) -> Standing | None:
    running = [one for one in standings if one.is_counted and one.renews_in_days is not None]
    return min(running, key=lambda one: (one.renews_in_days, one.label), default=None)


def _card(team: Team, one: Standing, *, at: datetime) -> AccountCard:
    kind, word = _state(one)
    cycle = phrases.span(one.window, team.zone, at=at) if one.window else ""
    renews = ""
    if one.window and one.renews_in_days is not None:
        renews = _("renews in %(days)s") % {"days": _days(one.renews_in_days)}
    read = phrases.clock(one.as_of, team.zone, at=at) if one.as_of else ""
    numbers = {name: phrases.number(getattr(one, name)) for name in NUMBERS}
    known = one.included is not None
    numbers["allowance"] = _("of %(total)s") % {"total": numbers["included"]} if known else ""
    lasts = telling.in_short(one.outlook, team.zone, remaining=one.remaining, at=at)
    return AccountCard(
        team.slug, one, kind, word, cycle, renews, read, numbers, failure(one), lasts
    )


def _state(one: Standing) -> tuple[str, str]:
    if not one.is_read:
        return ("bad", _("Cannot be read")) if one.failed_at else ("neutral", _("Not read yet"))
    if one.stale:
        return "warn", _("Stale")
    if one.remaining is None:
        return "neutral", _("Credits unknown")
    if one.remaining == 0:
        return "bad", _("Included credits used up")
    if _is_low(one):
        return "warn", _("Running low")
    if not one.is_counted:
        return "info", _("Same as %(account)s?") % {"account": one.twin_of}
    return "ok", _("Healthy")


def _is_low(one: Standing) -> bool:
    if one.included is None or one.remaining is None:
        return False
    return one.runs_out is not None or one.remaining <= one.included * LOW_SHARE


def _lock_concerns(team: Team, locked: str | None) -> Iterator[Concern]:
    if locked:
        url = reverse("keys:index", args=[team.slug])
        yield Concern("bad", _("Keys are locked"), locked, url, _("Open keys"))


def _key_concerns(team: Team, paused: Iterable[ApiKey]) -> Iterator[Concern]:
    url = reverse("keys:index", args=[team.slug])
    for key in paused:
        title = _("RemBG refuses the key “%(key)s”") % {"key": key.label}
        text = _("It is paused after two refusals. Test or replace it.")
        yield Concern("bad", title, text, url, _("Open keys"))


def _account_concerns(team: Team, card: AccountCard) -> Iterator[Concern]:
    one, open_it = card.standing, _("Open %(account)s") % {"account": card.standing.label}
    if not one.is_counted:
        title = _("“%(one)s” answers the same numbers as “%(other)s”")
        text = _("It is left out of all totals until somebody says whether they are one account.")
        names = {"one": one.label, "other": one.twin_of}
        yield Concern("warn", title % names, text, card.url, _("Decide"))
    elif one.stale or (not one.is_read and one.failed_at):
        title = _("“%(account)s” could not be read") % {"account": one.label}
        text = failure(one) or _("Its numbers are older than they should be.")
        yield Concern("warn", title, text, card.url, open_it)
    elif one.is_read and one.remaining == 0:
        title = _("“%(account)s” has used its included credits up") % {"account": one.label}
        yield Concern("bad", title, _prepaid_left(one), card.url, open_it, card.source_url)
    elif _is_low(one):
        yield replace(_low_concern(team, one, card.url, open_it), source_url=card.source_url)


def _prepaid_left(one: Standing) -> str:
    if one.prepaid is None:
        return _("How many prepaid credits are left is unknown.")
    return ngettext(
        "%(credits)s prepaid credit is left.", "%(credits)s prepaid credits are left.", one.prepaid
    ) % {"credits": phrases.number(one.prepaid)}


def _low_concern(team: Team, one: Standing, url: str, open_it: str) -> Concern:
    title = _("“%(account)s” is running low") % {"account": one.label}
    left = _("%(left)s of %(included)s included credits are left.") % {
        "left": phrases.number(one.remaining),
        "included": phrases.number(one.included),
    }
    if one.runs_out is None:
        return Concern("warn", title, left, url, open_it)
    ending = _("They run out before the renewal: %(when)s.") % {
        "when": telling.when(one.runs_out, team.zone, at=one.at)
    }
    return Concern("warn", title, f"{left} {ending}", url, open_it)


def _removal_concerns(team: Team, count: int) -> Iterator[Concern]:
    if not count:
        return
    title = ngettext(
        "%(count)s removal has an unknown outcome",
        "%(count)s removals have an unknown outcome",
        count,
    ) % {"count": count}
    text = _("The picture was sent and no answer came, so it may have cost a credit.")
    url = reverse("removals:index", args=[team.slug]) + "?state=unknown"
    yield Concern("warn", title, text, url, _("Decide"))


def _budget_concerns(team: Team, strained: Sequence[Use]) -> Iterator[Concern]:
    """One line for those that are used up, one for those that warn: there may be many."""
    url, open_it = reverse("removals:budgets", args=[team.slug]), _("Open budgets")
    spent = [use for use in strained if use.is_spent]
    warning = [use for use in strained if not use.is_spent]
    if spent:
        title = ngettext("%(count)s budget is used up", "%(count)s budgets are used up", len(spent))
        text = _("%(names)s: nothing more is taken in this cycle.") % {"names": _names(spent)}
        yield Concern("bad", title % {"count": len(spent)}, text, url, open_it)
    if warning:
        title = ngettext(
            "%(count)s budget is past its warning",
            "%(count)s budgets are past their warning",
            len(warning),
        )
        text = _("%(names)s.") % {"names": _names(warning)}
        yield Concern("warn", title % {"count": len(warning)}, text, url, open_it)


def _names(uses: Sequence[Use]) -> str:
    """Name a few budgets: "Mia Member, tag spring (96 of 100)", and how many others."""
    said = [
        _("%(budget)s (%(taken)s of %(limit)s)")
        % {
            "budget": use.budget,
            "taken": phrases.number(use.taken),
            "limit": phrases.number(use.limit),
        }
        for use in uses[:MOST_NAMES]
    ]
    more = len(uses) - len(said)
    return ", ".join([*said, _("%(count)s more") % {"count": more}] if more else said)


def _days(count: int) -> str:
    return ngettext("%(count)s day", "%(count)s days", count) % {"count": count}
