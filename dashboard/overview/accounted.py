"""How a statement's numbers come about: what RemBG counted, what went through us, the rest."""

from __future__ import annotations

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from dashboard.lib.explanation import Explanation, Operand
from dashboard.lib.template_tags import since_in_full, since_in_short
from dashboard.overview import ledgers
from dashboard.overview.month_statements import MonthStatement, Part
from dashboard.overview.statements import Statement
from dashboard.teams.models import Team
from dashboard.usage import phrases


def statement(found: Statement, team: Team) -> Explanation:
    """Explain the credits of a cycle, their parts, and the money."""
    span = phrases.span(found.window, team.zone, at=found.at)
    unknown = _("What is unknown is not counted as 0: it leaves its part and the total unknown.")
    return Explanation(
        _("Statement of %(account)s, %(span)s") % {"account": found.account.label, "span": span},
        _(
            "Counted by RemBG = credits used in its app + by API. Through this dashboard: one "
            "credit for each removal that cost one, by when it was sent; members, virtual keys and "
            "tags are the same removals, grouped. Other API use = RemBG's API counter − through "
            "this dashboard, at least 0; what we count beyond it is a line of its own. Money = "
            "credits × price, rounded half up, once, at the total; lines are rounded so that they "
            "add up to it."
        ),
        found.books.upstream,
        (*_counters(found, team), *_parts(found, team), *_money(found, team)),
        f"{unknown} {since_in_full(found.since)}".rstrip(),
    )


def month(found: MonthStatement, team: Team) -> Explanation:
    """Explain what the cycles of a month make together, each with its own statement."""
    note, credits = _("What is unknown is not counted as 0: it is left out."), found.total.credits
    if found.undecided:
        note += " " + _("An account that may be the same as another one waits for a decision.")
    bound = _("at least %(credits)s") % {"credits": phrases.number(credits)}
    return Explanation(
        _("All accounts, %(month)s") % {"month": date_format(found.month, "F Y")},
        _(
            "The sum over the cycles whose last second lies in this month (UTC), of every account. "
            "Members, virtual keys and tags, and the money of each currency, are the sums of the "
            "same statements' lines."
        ),
        credits,
        tuple(_cycle(part, team) for part in found.parts),
        f"{note} {since_in_full(found.since)}".rstrip(),
        said=bound if found.is_lower_bound and credits is not None else "",
    )


def _cycle(part: Part, team: Team) -> Operand:
    one = part.statement
    span = phrases.span(one.window, team.zone, at=one.at)
    left_out = _("not added: %(why)s") % {"why": part.left_out} if part.left_out else ""
    note = ", ".join(filter(None, (since_in_short(one.since), left_out)))
    label = f"{one.account.label}, {span}"
    return Operand(label, one.books.upstream, one.why_url, one.window.asked_at, note)


def _counters(found: Statement, team: Team) -> tuple[Operand, ...]:
    window, source, later = found.window, "", since_in_short(found.since)
    if window.source:
        source = reverse("usage:reading", args=[team.slug, found.account.pk, window.source])
    return (
        Operand(_("RemBG's app"), window.app_usage, source, window.asked_at),
        Operand(_("RemBG's API counter"), window.api_usage, source, window.asked_at, later),
    )


def _parts(found: Statement, team: Team) -> tuple[Operand, ...]:
    books, window = found.books, found.window
    removals = reverse("removals:index", args=[team.slug])
    ends = {
        "start": phrases.clock(window.start_at, team.zone, at=found.at),
        "end": phrases.clock(ledgers.read_until(window), team.zone, at=found.at),
    }
    sent = _("sent from %(start)s to before %(end)s") % ends
    parts = [
        Operand(_("Through this dashboard"), books.through, removals, window.asked_at, sent),
        Operand(_("Other API use"), books.outside_api),
    ]
    if books.only_here:
        parts.append(Operand(_("Counted here, not by RemBG"), books.only_here))
    if books.unknown:
        note = _("not added; each may be part of the other API use")
        url = f"{removals}?state=unknown"
        parts.append(Operand(_("Removals with an unknown outcome"), books.unknown, url, note=note))
    return tuple(parts)


def _money(found: Statement, team: Team) -> tuple[Operand, ...]:
    prices = reverse("overview:prices", args=[team.slug])
    if found.price is None:
        said = _("none held when the cycle began")
        return (Operand(_("Price of a credit"), None, prices, said=said),)
    note = _("the one that held when the cycle began")
    price = Operand(_("Price of a credit"), None, prices, note=note, said=str(found.price))
    return price, Operand(_("Amount"), None, said=found.total.said or _("unknown"))
