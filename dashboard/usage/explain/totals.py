"""How sums come about: over accounts, of an account's balances, of a cycle's counters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.lib.explanation import Explanation, Operand
from dashboard.lib.template_tags import since_in_full, since_in_short
from dashboard.usage import formatting
from dashboard.usage.pages.account import AccountPage
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
    result = getattr(sums, what)
    bound = _("at least %(credits)s") % {"credits": formatting.number(result)}
    return Explanation(
        titles[what],
        formula,
        result,
        tuple(_account(one, getattr(one, what), slug=slug) for one in standings),
        " ".join(_notes(sums)),
        said=bound if sums.is_lower_bound and result is not None else "",
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
        since_in_full(one.since),
    )


def used(page: AccountPage) -> Explanation:
    """Explain what the cycle of an account has used that the page shows."""
    title = _("Used in this cycle: %(account)s") if page.shows_now else _("Used: %(account)s")
    formula = _("Credits used in the app + credits used by API, both of the billing cycle.")
    note = _("Prepaid credits are not in it, and the counters of calendar months are not these.")
    if page.shows_now:
        one = page.standing
        total, app, api, as_of = one.used, one.app_usage, one.api_usage, one.as_of
    else:
        past = page.window
        if past is None:
            return Explanation(title % {"account": page.account.label}, formula)
        total, app, api, as_of = past.used, past.app_usage, past.api_usage, past.asked_at
    return Explanation(
        title % {"account": f"{page.account.label}, {page.span}".rstrip(", ")},
        formula,
        total,
        (
            Operand(_("In the app"), app, page.source_url, as_of),
            Operand(_("By API"), api, page.source_url, as_of, since_in_short(page.credits_since)),
        ),
        f"{note} {since_in_full(page.credits_since)}".rstrip(),
    )


def _notes(sums: Total) -> Iterator[str]:
    if sums.unknown:
        yield _("What is unknown is not counted as 0: it is left out and named.")
    if sums.undecided:
        yield _("An account that may be the same as another one waits until somebody decides.")
    if later := since_in_full(sums.since):
        yield later


def _account(one: Standing, value: int | None, *, slug: str) -> Operand:
    note = ""
    if not one.is_counted:
        note = _("Left out: it may be the same as %(account)s.") % {"account": one.twin_of}
    return _operand(one.label, value, one, slug=slug, note=note)


def _operand(label: str, value: int | None, one: Standing, *, slug: str, note: str = "") -> Operand:
    said = ", ".join(filter(None, (since_in_short(one.since), note)))
    return Operand(label, value, _reading(one, one.source, slug=slug), one.as_of, said)


def _reading(one: Standing, source: UUID | None, *, slug: str) -> str:
    if source is None:
        return ""
    return reverse("usage:reading", args=[slug, one.account_id, source])
