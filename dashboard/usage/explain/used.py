"""How use over time comes about: a column of a day or an hour, and what they are together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.lib.explanation import Explanation, Operand
from dashboard.usage import formatting
from dashboard.usage.charts.days import Bar, gaps_of
from dashboard.usage.history.buckets import SHORT_BESIDE_A_DAY
from dashboard.usage.history.queries import good_readings
from dashboard.usage.history.values import Bucket, Span
from dashboard.usage.models import Snapshot
from dashboard.usage.pages.days import DailyPage


def of_stretch(page: DailyPage) -> Explanation:
    """Explain the sum of the columns that a page shows, each with its own explanation."""
    known = [bar.bucket.used for bar in page.bars if bar.bucket.used is not None]
    columns = tuple(
        Operand(bar.label, bar.bucket.used, page.why_url(bar.bucket.start_at), note=bar.note)
        for bar in reversed(page.bars)
    )
    return Explanation(
        page.title,
        columns_in_words(),
        sum(known) if known else None,
        (*columns, *_beside(page)),
        _("What is unknown is not counted as 0: it is left out and named."),
    )


def columns_in_words() -> str:
    """Return the plain formula of the columns and of their sum."""
    return _(
        "The sum of the columns that are known. A column is what RemBG's app and API counters "
        "rose by between readings; stretches without readings, and what RemBG corrected, stand "
        "apart: of a whole cycle, columns + stretches − corrections are RemBG's counter."
    )


def _beside(page: DailyPage) -> Iterator[Operand]:
    """Name what stands in no column: gaps between readings, and what RemBG took back."""
    for gap in gaps_of(page.found, page.shown_kind):
        yield _gap(page, gap)
    for bar in reversed(page.bars):
        if bar.back:
            label = _("%(when)s: RemBG corrected its counters") % {"when": bar.label}
            yield _corrected(bar, label, page.why_url(bar.bucket.start_at))


def _corrected(bar: Bar, label: str, url: str = "") -> Operand:
    return Operand(label, -bar.back, url, note=_("in no column: it lessens the counter alone"))


def of_column(page: DailyPage, start: datetime) -> Explanation | None:
    """Explain the column that begins at a moment; None where there is none."""
    bar = next((one for one in page.bars if one.bucket.start_at == start), None)
    if bar is None:
        return None
    bucket, account = bar.bucket, page.page.account
    return Explanation(
        _("Used %(when)s: %(account)s") % {"when": bar.label, "account": account.label},
        _(
            "What RemBG's app and API counters rose by between the readings. The rise between two "
            "readings on both sides of a border is shared out over it by time, in whole credits; "
            "after a renewal the counters begin with 0; a counter that falls was corrected, and "
            "that is no use. Prepaid credits are not in it."
        ),
        bucket.used,
        (
            Operand(_("In the app"), bucket.app.credits),
            Operand(_("By API"), bucket.api.credits),
            *_made_of(page, bucket),
            *([_corrected(bar, _("RemBG corrected its counters"))] if bar.back else ()),
        ),
        f"{capfirst(bar.note)}." if bar.note else "",
    )


def _made_of(page: DailyPage, bucket: Bucket) -> Iterator[Operand]:
    """Name the readings that are kept, and gaps."""
    if found := _around(page, bucket):
        yield from _readings(page, bucket, found)
    for gap in gaps_of(page.found, page.shown_kind):
        if gap.start_at < bucket.end_at and bucket.start_at < gap.end_at:
            yield _gap(page, gap)


@dataclass(frozen=True)
class _Around:
    """The readings at both sides of a column's borders, and how many lie in it."""

    before: Snapshot | None
    first: Snapshot | None
    last: Snapshot | None
    after: Snapshot | None
    count: int


def _around(page: DailyPage, bucket: Bucket) -> _Around | None:
    good = good_readings(page.page.account).defer("raw").filter(kind__in=(page.shown_kind, ""))
    inside = good.within(start=bucket.start_at, end=bucket.end_at)
    before = good.within(start=bucket.start_at - SHORT_BESIDE_A_DAY, end=bucket.start_at).last()
    after = good.within(start=bucket.end_at, end=bucket.end_at + SHORT_BESIDE_A_DAY).first()
    found = _Around(before, inside.first(), inside.last(), after, inside.count())
    return found if found.count or (before and after) else None


def _readings(page: DailyPage, bucket: Bucket, found: _Around) -> Iterator[Operand]:
    yield from _reading(page, _("Last reading before it"), found.before)
    yield from _reading(page, _("First reading in it"), found.first)
    if found.count > 1:
        yield from _reading(page, _("Last reading in it"), found.last)
    yield from _reading(page, _("First reading after it"), found.after)
    where = reverse("usage:readings", args=[page.page.team.slug, page.page.account.pk])
    words = ngettext("%(count)s reading", "%(count)s readings", found.count)
    yield Operand(_("Readings in it"), None, where, said=words % {"count": found.count})
    shares = _shares(bucket, found.first, found.last)
    if shares is not None:
        yield Operand(_("Between the readings in it"), (bucket.used or 0) - shares)
        yield Operand(_("Its share of the rise over its borders"), shares)


def _shares(bucket: Bucket, first: Snapshot | None, last: Snapshot | None) -> int | None:
    """Return what came over the borders, where that can be told apart: within one window.

    Where a counter fell, the readings in it do not say what was used between them.
    """
    if first is None or last is None or bucket.used is None or bucket.overlaps:
        return None
    if bucket.app.back or bucket.api.back:
        return None
    if first.period_start_at != last.period_start_at:
        return None
    if first.used is None or last.used is None:
        return None
    shares = bucket.used - (last.used - first.used)
    return shares if 0 <= shares <= bucket.used else None


def _reading(page: DailyPage, label: str, one: Snapshot | None) -> Iterator[Operand]:
    if one is not None:
        when = formatting.clock(one.asked_at, page.page.team.zone, at=page.page.at)
        note = _("RemBG's counter at %(when)s") % {"when": when}
        yield Operand(label, one.used, page.page.reading_url(one.pk), one.asked_at, note)


def _gap(page: DailyPage, gap: Span) -> Operand:
    zone, at = page.page.team.zone, page.page.at
    ends = {
        "start": formatting.clock(gap.start_at, zone, at=at),
        "end": formatting.clock(gap.end_at, zone, at=at),
    }
    app, api = gap.app.credits, gap.api.credits
    return Operand(
        _("Not read from %(start)s to %(end)s") % ends,
        None if app is None or api is None else app + api,
        reverse("usage:readings", args=[page.page.team.slug, page.page.account.pk]),
        note=_gap_note(page, gap),
    )


def _gap_note(page: DailyPage, gap: Span) -> str:
    if gap.place.start_at in page.ask.shared:
        return _("in no column and not added, as its window overlaps another")
    if not page.found.holds(gap):
        return _("known for the stretch as a whole, which reaches beyond this time; in no column")
    return _("known for the stretch as a whole; in no column")
