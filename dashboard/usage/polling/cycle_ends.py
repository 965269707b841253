"""Where cycles end: as RemBG told it, or inferred from the rhythm of the subscription.

RemBG's list tells no ends. It infers each from the next window that is *listed*: an unused cycle
makes the one before it end a month late, and a window of the other kind cuts it short (contract 2,
promises D15). Only `billingCycle` tells an end. So an end that was told for a start stands; only
a told window of the same kind that begins earlier shortens it (an upgrade moved the renewal). Any
other window ends after one period of the subscription, or where the next of its kind begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dashboard.lib.renewals import anchor_day, month_start, months_in, renewal_after
from dashboard.usage.models import Cycle, EndSource, Kind
from dashboard.usage.windows import TOUCHING

# What is settled of a row.
SETTLED = ("kind", "end_at", "end_source")


def settle_ends(cycles: Sequence[Cycle]) -> None:
    """Give all cycles of one account their ends, and guessed ones their kind; nothing is saved."""
    _guess_kinds(cycles)
    for kind in Kind.values:
        same = sorted((one for one in cycles if one.kind == kind), key=lambda one: one.start_at)
        for one in same:
            one.end_at, one.end_source = _end(one, same)


def shape_of(start_at: datetime) -> Kind:
    """Return the kind that a window's start suggests: a UTC month, or else Stripe's."""
    return Kind.CALENDAR if start_at == month_start(start_at) else Kind.STRIPE


def _guess_kinds(cycles: Sequence[Cycle]) -> None:
    """Guess by the start; a subscription that renews at a month's first second looks like a month.

    The two of one start keep their kinds: they could not be told apart.
    """
    stripes = [one for one in cycles if one.kind == Kind.STRIPE and not one.kind_guessed]
    renewals = [moment for one in stripes for moment in (one.start_at, one.told_end_at) if moment]
    renews_with_months = any(one == month_start(one) for one in renewals)
    starts = [one.start_at for one in cycles]
    for one in cycles:
        if one.kind_guessed and starts.count(one.start_at) == 1:
            shape = shape_of(one.start_at)
            one.kind = Kind.STRIPE if renews_with_months else shape


def _end(one: Cycle, same: Sequence[Cycle]) -> tuple[datetime, str]:
    """Return where a cycle ends among those of its kind, and where that comes from."""
    later = [other for other in same if other.start_at > one.start_at]
    if one.told_end_at is not None and one.told_end_at > one.start_at:
        told = (other.start_at for other in later if other.told_end_at is not None)
        cut = min(told, default=one.told_end_at)
        if cut < one.told_end_at - TOUCHING:
            return cut, EndSource.SHORTENED
        return one.told_end_at, EndSource.TOLD
    following = later[0].start_at if later else None
    end, source = _natural_end(one, same)
    return (following, EndSource.NEXT) if following and following < end else (end, source)


def _natural_end(one: Cycle, same: Sequence[Cycle]) -> tuple[datetime, str]:
    if one.listed_end_at is not None and one.listed_end_at > one.start_at:
        return one.listed_end_at, EndSource.LISTED
    if one.kind == Kind.CALENDAR and one.start_at == month_start(one.start_at):
        return renewal_after(one.start_at, months=1, day=1), EndSource.RHYTHM
    told = [other for other in same if other.told_end_at and other.end_at > other.start_at]
    nearest = min(told, key=lambda other: abs(other.start_at - one.start_at), default=None)
    months = months_in(nearest.start_at, nearest.told_end_at or nearest.end_at) if nearest else 1
    renewals = [
        moment for other in same for moment in (other.start_at, other.told_end_at) if moment
    ]
    day = anchor_day(one.start_at, renewals)
    return renewal_after(one.start_at, months=months, day=day), EndSource.RHYTHM
