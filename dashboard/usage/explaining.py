"""How the numbers that we compute from readings come about."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.lib.explanation import Explanation, Operand
from dashboard.usage import compare_charts, phrases
from dashboard.usage.compare_page import ComparePage
from dashboard.usage.comparing import Run
from dashboard.usage.standing import Standing, Total, total


def team_total(what: str, standings: Sequence[Standing], *, slug: str) -> Explanation:
    """Explain a sum over the accounts: `spendable`, `remaining` or `prepaid`."""
    titles = {
        "spendable": _("Spendable, over all accounts"),
        "remaining": _("Included credits left, over all accounts"),
        "prepaid": _("Prepaid credits, over all accounts"),
    }
    sums: Total = total(standings)
    formula = _("The sum over the accounts: each account once, however many keys it has.")
    if what == "spendable":
        formula += " " + _("Of each: included credits left + prepaid credits.")
    return Explanation(
        titles[what],
        formula,
        getattr(sums, what),
        tuple(_account(one, getattr(one, what), slug=slug) for one in standings),
        _("What is unknown is not counted as 0: it is left out and named.") if sums.unknown else "",
    )


def spendable(one: Standing, *, slug: str) -> Explanation:
    """Explain what can be spent of one account."""
    return Explanation(
        _("Spendable: %(account)s") % {"account": one.label},
        _("Included credits left + prepaid credits; unknown where one of them is."),
        one.spendable,
        (
            _operand(_("Included credits left"), one.remaining, one, slug=slug),
            _operand(_("Prepaid credits"), one.prepaid, one, slug=slug),
        ),
    )


def used(one: Standing, *, slug: str) -> Explanation:
    """Explain what the running cycle of one account has used."""
    return Explanation(
        _("Used in this cycle: %(account)s") % {"account": one.label},
        _("Credits used in the app + credits used by API, both of the billing cycle."),
        one.used,
        (
            _operand(_("In the app"), one.app_usage, one, slug=slug),
            _operand(_("By API"), one.api_usage, one, slug=slug),
        ),
        _("Prepaid credits are not in it, and the counters of calendar months are not these."),
    )


def same_day(page: ComparePage) -> Explanation:
    """Explain the difference to the last cycle on the same day."""
    account, last = page.page.account, page.past[0] if page.past else None
    newest = page.this.newest
    found = compare_charts.same_moment(page.this, last) if last else None
    base = found.base if found else None
    operands = [
        Operand(
            _("This cycle, %(span)s") % {"span": page.page.span},
            newest.used if newest else None,
            page.page.source_url,
            page.as_of,
        )
    ]
    if last:
        operands.append(Operand(_last_label(page, last), base, _readings(page)))
    return Explanation(
        _("Difference to the last cycle: %(account)s") % {"account": account.label},
        _(
            "This cycle's credits − the last cycle's, so long after its own renewal: by the "
            "reading nearest to that moment, at most six hours from it. In per cent of the last "
            "cycle's."
        ),
        found.credits if found else None,
        tuple(operands),
        compare_charts.percent(found),
    )


def _last_label(page: ComparePage, last: Run) -> str:
    span = phrases.span(last.window, page.page.team.zone, at=page.page.at)
    return _("The last cycle, %(span)s, up to the same moment") % {"span": span}


def _readings(page: ComparePage) -> str:
    return reverse("usage:readings", args=[page.page.team.slug, page.page.account.pk])


def _account(one: Standing, value: int | None, *, slug: str) -> Operand:
    note = ""
    if not one.is_counted:
        note = _("Left out: the same numbers as %(account)s.") % {"account": one.twin_of}
    return _operand(one.label, value, one, slug=slug, note=note)


def _operand(label: str, value: int | None, one: Standing, *, slug: str, note: str = "") -> Operand:
    return Operand(label, value, _reading(one, one.source, slug=slug), one.as_of, note)


def _reading(one: Standing, source: UUID | None, *, slug: str) -> str:
    if source is None:
        return ""
    return reverse("usage:reading", args=[slug, one.account_id, source])
