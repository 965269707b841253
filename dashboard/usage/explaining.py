"""How the numbers that we compute from readings come about."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.lib.explanation import Explanation, Operand
from dashboard.usage import compare_charts, phrases
from dashboard.usage.compare_page import ComparePage
from dashboard.usage.comparing import Dot, Run, moment_of
from dashboard.usage.models import Snapshot
from dashboard.usage.side_by_side import SideBySide
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
    slug = page.page.team.slug
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
    if last and newest:
        dot = last.nearest(newest.after) if page.this.final is None else last.newest
        operands.append(_dot(_last_label(page, last), base, last, dot, page.page.account.pk, slug))
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


def by_day(page: SideBySide) -> Explanation:
    """Explain the credits that several accounts had used by the same day of their cycles."""
    return Explanation(
        _("Used by day %(day)s of each account's own cycle") % {"day": page.day or "?"},
        _(
            "Of each account: the app and API credits of its running cycle, by the reading "
            "nearest to the moment that lies as long after its renewal as the youngest cycle is "
            "old, at most six hours from it. Nothing is added up."
        ),
        None,
        tuple(
            _dot(
                side.standing.label,
                side.by_then,
                side.run,
                side.run.nearest(page.moment) if page.moment is not None else None,
                side.standing.account_id,
                page.team.slug,
            )
            for side in page.sides
        ),
        has_result=False,
    )


def _last_label(page: ComparePage, last: Run) -> str:
    span = phrases.span(last.window, page.page.team.zone, at=page.page.at)
    return _("The last cycle, %(span)s, up to the same moment") % {"span": span}


def _dot(
    label: str, value: int | None, run: Run, dot: Dot | None, account: UUID, slug: str
) -> Operand:
    """Return an operand that one reading gave, with its address as long as the reading is kept."""
    if dot is None:
        return Operand(label, value)
    if dot.used == run.final and run.window.source:
        source = reverse("usage:reading", args=[slug, account, run.window.source])
        return Operand(label, value, source, run.window.asked_at)
    at = moment_of(run, dot.after)
    found = Snapshot.objects.good().filter(account=account, asked_at=at).values("pk").first()
    if found:
        return Operand(
            label, value, reverse("usage:reading", args=[slug, account, found["pk"]]), at
        )
    note = _("The reading itself is not kept any more; its hour or day is.")
    return Operand(label, value, reverse("usage:readings", args=[slug, account]), at, note)


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
