"""How comparisons come about: credits of several cycles so long after their renewals."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.lib.explanation import Explanation, Operand
from dashboard.usage import formatting
from dashboard.usage.charts import compare
from dashboard.usage.cycle_runs import Dot, Run, moment_of
from dashboard.usage.models import Snapshot
from dashboard.usage.pages.compare import ComparePage, SideBySide


def same_day(page: ComparePage, last: Run | None) -> Explanation:
    """Explain the difference to another cycle, by default the last one, on the same day."""
    account = page.page.account
    slug = page.page.team.slug
    newest = page.this.newest
    found = compare.same_moment(page.this, last) if last else None
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
        _("Difference to another cycle: %(account)s") % {"account": account.label},
        same_day_in_words(),
        found.credits if found else None,
        tuple(operands),
        compare.percent(found),
    )


def same_day_in_words() -> str:
    """Return the plain formula of the difference."""
    return _(
        "This cycle's credits − the other cycle's, so long after its own renewal: by the "
        "reading nearest to that moment, at most six hours from it. In per cent of the other "
        "cycle's. Of two closed cycles the totals are compared."
    )


def by_day(page: SideBySide) -> Explanation:
    """Explain the credits that several accounts had used by the same day of their cycles."""
    return Explanation(
        _("Used by day %(day)s of each account's own cycle") % {"day": page.day or "?"},
        _(
            "Of each account: the app and API credits of its running cycle, so long after its own "
            "renewal as the cycle that has come least far, by its newest reading. The reading "
            "nearest to that moment tells them, at most six hours from it. Nothing is added up."
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
    span = formatting.span(last.window, page.page.team.zone, at=page.page.at)
    return _("The cycle %(span)s, up to the same moment") % {"span": span}


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
