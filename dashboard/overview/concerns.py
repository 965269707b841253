"""What of a team needs a person: the sentence for each, and where to go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.overview.models import Worker
from dashboard.overview.summary import AccountCard, is_low
from dashboard.removals.budgets import BudgetUse
from dashboard.teams.models import Membership, Role, Team
from dashboard.usage import forecast_text, formatting, reading_notes
from dashboard.usage.standing import Standing

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


def concerns(
    membership: Membership,
    cards: Iterable[AccountCard],
    unknown_removals: int,
    strained: Sequence[BudgetUse],
    *,
    locked: str | None,
    at: datetime,
) -> list[Concern]:
    """Return what needs a person, the worst first; links lead to pages that this person may use."""
    team = membership.team
    found = [
        *_lock_concerns(team, locked),
        *_key_concerns(team),
        *(concern for card in cards for concern in _account_concerns(team, card)),
        *_removal_concerns(team, unknown_removals),
        *_budget_concerns(team, strained),
        *(_worker_concerns(at=at) if membership.may(Role.ADMIN) else ()),
    ]
    if not membership.may(Role.ADMIN):
        found = [one for one in found if "/keys/" not in one.url]
    return sorted(found, key=lambda one: ["bad", "warn", "info"].index(one.kind))


def _lock_concerns(team: Team, locked: str | None) -> Iterator[Concern]:
    if locked:
        url = reverse("keys:index", args=[team.slug])
        yield Concern("bad", _("Keys are locked"), locked, url, _("Open keys"))


def _key_concerns(team: Team) -> Iterator[Concern]:
    url = reverse("keys:index", args=[team.slug])
    paused = team.api_keys.paused().order_by("label", "pk")
    for label in paused.values_list("label", flat=True):
        title = _("RemBG refuses the key “%(key)s”") % {"key": label}
        text = _("It is paused after two refusals. Test or replace it.")
        yield Concern("bad", title, text, url, _("Open keys"))


def _account_concerns(team: Team, card: AccountCard) -> Iterator[Concern]:
    one, open_it = card.standing, _("Open %(account)s") % {"account": card.standing.label}
    if not one.is_counted:
        title = _("“%(one)s” answers the same numbers as “%(other)s”")
        text = _(
            "It is left out of all totals, which are lower bounds until somebody says whether they "
            "are one account."
        )
        names = {"one": one.label, "other": one.twin_of}
        yield Concern("warn", title % names, text, card.url, _("Decide"))
    elif one.degraded_at:
        title = _("“%(account)s” answers with small pictures") % {"account": one.label}
        yield Concern("bad", title, str(reading_notes.DEGRADED), card.url, open_it)
    elif one.stale or (not one.is_read and one.failed_at):
        title = _("“%(account)s” could not be read") % {"account": one.label}
        text = card.failure or _("Its numbers are older than they should be.")
        yield Concern("warn", title, text, card.url, open_it)
    elif not one.adds_up:
        title = _("RemBG contradicts itself about “%(account)s”") % {"account": one.label}
        yield Concern("warn", title, _contradiction(one), card.url, open_it, card.source_url)
    elif one.is_read and one.remaining == 0:
        title = _("“%(account)s” has used its included credits up") % {"account": one.label}
        yield Concern("bad", title, _prepaid_left(one), card.url, open_it, card.source_url)
    elif is_low(one):
        yield replace(_low_concern(team, one, card.url, open_it), source_url=card.source_url)


def _contradiction(one: Standing) -> str:
    return _("%(left)s left, though %(used)s of %(included)s are used.") % {
        "left": formatting.number(one.remaining),
        "used": formatting.number(one.used),
        "included": formatting.number(one.included),
    }


def _prepaid_left(one: Standing) -> str:
    if one.prepaid is None:
        return _("How many prepaid credits are left is unknown.")
    return ngettext(
        "%(credits)s prepaid credit is left.", "%(credits)s prepaid credits are left.", one.prepaid
    ) % {"credits": formatting.number(one.prepaid)}


def _low_concern(team: Team, one: Standing, url: str, open_it: str) -> Concern:
    title = _("“%(account)s” is running low") % {"account": one.label}
    left = _("%(left)s of %(included)s included credits are left.") % {
        "left": formatting.number(one.remaining),
        "included": formatting.number(one.included),
    }
    if one.runs_out is None:
        return Concern("warn", title, left, url, open_it)
    ending = _("They run out before the renewal: %(when)s.") % {
        "when": forecast_text.when(one.runs_out, team.zone, at=one.at)
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


def _budget_concerns(team: Team, strained: Sequence[BudgetUse]) -> Iterator[Concern]:
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


def _worker_concerns(*, at: datetime) -> Iterator[Concern]:
    silent = list(Worker.objects.silent(at=at))
    if not silent:
        return
    url, open_it = reverse("overview:readyz"), _("Open the site's state")
    names = ", ".join(str(one) for one in silent[:MOST_NAMES])
    if Worker.objects.alive(at=at).exists():
        title = ngettext("A worker is silent", "%(count)s workers are silent", len(silent))
        text = _("%(names)s stopped without a word; the others do its work.") % {"names": names}
        yield Concern("warn", title % {"count": len(silent)}, text, url, open_it)
    else:
        text = _(
            "%(names)s stopped without a word. Pictures wait and accounts are not read until "
            "whoever runs this site starts one."
        )
        yield Concern("bad", _("No worker is running"), text % {"names": names}, url, open_it)


def _names(uses: Sequence[BudgetUse]) -> str:
    """Name a few budgets: "Mia Member, tag spring (96 of 100)", and how many others."""
    said = [
        _("%(budget)s (%(taken)s of %(limit)s)")
        % {
            "budget": use.budget,
            "taken": formatting.number(use.taken),
            "limit": formatting.number(use.limit),
        }
        for use in uses[:MOST_NAMES]
    ]
    more = len(uses) - len(said)
    return ", ".join([*said, _("%(count)s more") % {"count": more}] if more else said)
