"""Answers of GET /api/membership-usage, parsed so that no reading is a crash and no gap is a zero.

Contract 2, promises D1-D5, D10, D11, D13. What is unknown is None, and `problems` says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, TypeVar

from dashboard.rembg import strict_json, wording
from dashboard.rembg.fields import Doc, Problem
from dashboard.rembg.headers import AnswerHead

MAX_BODY = 2 * 1024 * 1024  # Bytes of an answer that are read.
MAX_RAW = 16 * 1024  # Bytes of an answer that are kept.
MAX_CYCLES = 500
# Share of the allowance that may be counted between upstream's two looks at its own counters.
COUNTED_MEANWHILE = 0.01
LESS_LEFT = "less_left"

Kind = Literal["stripe", "calendar"]
Answer = TypeVar("Answer", bound="UsageReading")


@dataclass(frozen=True)
class BillingWindow:
    """A listed billing window, `[start_at, end_at)` in UTC, with its counters in credits."""

    start_at: datetime
    end_at: datetime | None
    app_usage: int | None
    api_usage: int | None


def used_of(app: int | None, api: int | None, upstream: int | None) -> int | None:
    """Return app and API credits together; upstream's own sum where one is unknown."""
    return upstream if app is None or api is None else app + api


def left_of(included: int | None, remaining: int | None, used: int | None) -> int | None:
    """Return the included credits left, by the contract's formula where upstream is silent."""
    if remaining is not None:
        return remaining
    return None if included is None or used is None else max(0, included - used)


def spendable_of(left: int | None, prepaid: int | None) -> int | None:
    """Return the included credits left and the prepaid ones; None unless both are known."""
    return None if left is None or prepaid is None else left + prepaid


@dataclass(frozen=True)
class BillingCycle:
    """The `billingCycle` object; credits, and `[start_at, end_at)` in UTC."""

    start_at: datetime | None
    end_at: datetime | None
    app_usage: int | None
    api_usage: int | None
    included_credits: int | None
    prepaid_credits: int | None
    used_included_credits: int | None
    remaining_included_credits: int | None
    synced: bool | None

    @property
    def used(self) -> int | None:
        """Credits used in the window by both counters; upstream's own sum where one is unknown."""
        return used_of(self.app_usage, self.api_usage, self.used_included_credits)

    @property
    def spendable(self) -> int | None:
        """Credits left of the plan and prepaid, or None unless both are known."""
        return spendable_of(self.remaining_included_credits, self.prepaid_credits)


@dataclass(frozen=True)
class UsageReading:
    """What every answer about usage has: where it came from and what was wrong with it.

    `raw` is the answer, at most 16 KB; `call` what was asked; `clock_skew` how many seconds
    upstream's clock is ahead of ours, where that is more than five minutes (F27).
    """

    problems: tuple[Problem, ...] = ()
    raw: str = ""
    status: int = 200
    call: str = ""
    clock_skew: int | None = None
    request_id: str = ""


@dataclass(frozen=True)
class UsageAnswer(UsageReading):
    """An account's usage. The top-level counters are those of the month or window asked for."""

    membership: str | None = None
    credits: int | None = None
    prepaid_credits: int | None = None
    app_usage: int | None = None
    api_usage: int | None = None
    cycle: BillingCycle | None = None

    @property
    def spendable(self) -> int | None:
        """Credits that can be spent in the billing cycle, or None where that is not known."""
        return self.cycle.spendable if self.cycle else None

    @property
    def is_usable(self) -> bool:
        """Whether anything at all is known from this reading."""
        fields = (self.membership, self.credits, self.prepaid_credits, self.app_usage)
        return self.cycle is not None or any(f is not None for f in (*fields, self.api_usage))


@dataclass(frozen=True)
class CyclesAnswer(UsageReading):
    """The listed billing windows, newest first; they may overlap (see `problems`)."""

    windows: tuple[BillingWindow, ...] = ()

    @property
    def is_usable(self) -> bool:
        """Whether a list was there, even an empty one."""
        return bool(self.windows) or not any(p.code in UNREADABLE for p in self.problems)


ACCOUNT_FIELDS = frozenset(
    {"membership", "credits", "prepaidCredits", "app_usage", "billingCycle", "billingCycles"}
)
UNREADABLE = frozenset({"not_json", "not_an_object", "missing", "null", "not_a_list"})


@dataclass(frozen=True)
class Month:
    """A calendar month in UTC."""

    year: int
    month: int

    def __post_init__(self) -> None:
        if not (1 <= self.year <= 9999 and 1 <= self.month <= 12):
            raise ValueError("There is no such month.")


def query(window: Month | datetime | None, *, expand: bool) -> list[tuple[str, str]]:
    """Return the parameters that ask for a month, or for the billing window starting then."""
    pairs = []
    if isinstance(window, Month):
        pairs = [("year", str(window.year)), ("month", str(window.month))]
    elif window is not None:
        pairs = [("periodStartUnix", str(int(window.timestamp())))]
    return [*pairs, ("expand", "billing_cycle")] if expand else pairs


def sourced(answer: Answer, head: AnswerHead, *, call: str) -> Answer:
    """Return the answer with where it came from."""
    return replace(answer, call=call, clock_skew=head.clock_skew, request_id=head.request_id)


def parse_usage(
    body: bytes, *, status: int = 200, expand: bool = True, secrets: Iterable[str] = ()
) -> UsageAnswer:
    """Read an answer of any shape; `expand` says whether a billing cycle was asked for."""
    raw = wording.raw(body, limit=MAX_RAW, secrets=secrets)
    doc = _document(body, status)
    answer = UsageAnswer(status=status, raw=raw)
    if doc.is_object:
        answer = replace(
            answer,
            membership=doc.text("membership"),
            credits=doc.number("credits"),
            prepaid_credits=doc.number("prepaidCredits"),
            app_usage=doc.number("app_usage"),
            api_usage=doc.number("api_usage"),
            cycle=_cycle(doc, expand=expand),
        )
    return replace(answer, problems=tuple(doc.problems))


def parse_cycles(body: bytes, *, status: int = 200, secrets: Iterable[str] = ()) -> CyclesAnswer:
    """Read a list of billing windows of any shape; windows that share a start become one."""
    raw = wording.raw(body, limit=MAX_RAW, secrets=secrets)
    doc = _document(body, status)
    windows = _windows(doc) if doc.is_object else ()
    return CyclesAnswer(status=status, raw=raw, windows=windows, problems=tuple(doc.problems))


def is_plausible(body: bytes) -> bool:
    """Tell whether a body is about an account, whatever its status; an error's body is not."""
    try:
        document, _ = strict_json.parse(body)
    except strict_json.NotJson:
        return False
    if not isinstance(document, dict) or document.get("error"):
        return False
    return not ACCOUNT_FIELDS.isdisjoint(document)


def kind_of(window: BillingWindow | BillingCycle, *, synced: bool | None) -> Kind:
    """Say whether a window is Stripe's or the calendar month that upstream falls back to."""
    if synced is None:
        return "calendar" if _is_calendar_month(window) else "stripe"
    return "stripe" if synced else "calendar"


def _is_calendar_month(window: BillingWindow | BillingCycle) -> bool:
    start, end = window.start_at, window.end_at
    if start is None or (start.day, start.hour, start.minute, start.second) != (1, 0, 0, 0):
        return False
    following = (start.year + start.month // 12, start.month % 12 + 1)
    return end is None or end == datetime(*following, 1, tzinfo=UTC)


def _document(body: bytes, status: int) -> Doc:
    try:
        value, doubles = strict_json.parse(body[: MAX_BODY + 1])
    except strict_json.NotJson:
        doc = Doc(None, [Problem("not_json", "", wording.head(body)[:40])])
    else:
        doc = Doc(value, [Problem("duplicate_key", wording.message(key)[:80]) for key in doubles])
        if not doc.is_object:
            doc.flag("not_an_object", "", type(value).__name__)
    if status != 200:
        doc.flag("status", "", status)
    return doc


def _cycle(doc: Doc, *, expand: bool) -> BillingCycle | None:
    part = doc.object("billingCycle", required=expand)
    if part is None:
        return None
    start_at, end_at = part.window()
    cycle = BillingCycle(
        start_at=start_at,
        end_at=end_at,
        app_usage=part.number("appUsage"),
        api_usage=part.number("apiUsage"),
        included_credits=part.number("includedCredits"),
        prepaid_credits=part.number("prepaidCredits"),
        used_included_credits=part.number("usedIncludedCredits"),
        remaining_included_credits=part.number("remainingIncludedCredits"),
        synced=part.flag_of("stripeBillingSynced"),
    )
    _flag_what_is_left(part, cycle)
    return cycle


def _flag_what_is_left(part: Doc, cycle: BillingCycle) -> None:
    """Flag what is left where it is not what was included less what was used (contract 2, D1)."""
    included, remaining = cycle.included_credits, cycle.remaining_included_credits
    if included is None or remaining is None:
        return
    if remaining > included:
        part.flag("used_negative", "remainingIncludedCredits", included - remaining)
    elif cycle.used is not None:
        off = remaining - max(0, included - cycle.used)
        if abs(off) > included * COUNTED_MEANWHILE:
            code = LESS_LEFT if off < 0 else "more_left"
            part.flag(code, "remainingIncludedCredits", remaining)


def _windows(doc: Doc) -> tuple[BillingWindow, ...]:
    parts = doc.objects("billingCycles", most=MAX_CYCLES)
    found: dict[datetime, BillingWindow] = {}
    for part in parts:
        start_at, end_at = part.window()
        window_counters = part.number("appUsage"), part.number("apiUsage")
        if start_at is None:
            continue
        if start_at in found:
            part.flag("duplicate_cycle", "periodStartUnix", int(start_at.timestamp()))
        found[start_at] = BillingWindow(start_at, end_at, *window_counters)
    windows = sorted(found.values(), key=lambda window: window.start_at)
    _flag_seams(doc, windows)
    return tuple(reversed(windows))


def _flag_seams(doc: Doc, windows: list[BillingWindow]) -> None:
    """Flag overlaps and gaps between windows in order of their starts (D5)."""
    covered: datetime | None = None
    for window in windows:
        if covered is not None and window.start_at != covered:
            code = "overlap" if window.start_at < covered else "gap"
            doc.flag(code, "billingCycles", int(window.start_at.timestamp()))
        end_at = window.end_at or window.start_at
        covered = end_at if covered is None else max(covered, end_at)
