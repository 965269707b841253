"""Prometheus metrics, read from the database when asked; labels are bounded (promises O8)."""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Max, Min, OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dashboard.keys.models import Account, ApiKey
from dashboard.lib.redaction import public_label
from dashboard.overview.models import Worker
from dashboard.removals.budgets import BudgetUse
from dashboard.removals.models import Budget, Removal, Spending, State
from dashboard.removals.periods import first_accounts, running_cycle
from dashboard.usage.standing import Standing, everywhere, total


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer on loopback, or with METRICS_TOKEN as bearer token where one is set."""
    if not allowed(request):
        return HttpResponseForbidden("forbidden\n", content_type="text/plain")
    registry = CollectorRegistry()
    registry.register(MetricRows(at=timezone.now()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def allowed(request: HttpRequest) -> bool:
    """Compare the token, or without one let only this machine in, and no proxy's visitors."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return request.META.get("REMOTE_ADDR") in ("127.0.0.1", "::1") and not forwarded


class MetricRows(Collector):
    """The metrics that the rows show at a moment."""

    def __init__(self, *, at: datetime) -> None:
        self.at = at

    def collect(self) -> Iterator[Metric]:
        """Yield one family a figure; seconds and counts."""
        yield self.removals()
        polled = Account.objects.active()
        yield gauge("dashboard_accounts", "Accounts that are polled", polled.count())
        failing = polled.filter(failed_polls__gt=0).count()
        yield gauge("dashboard_accounts_failing", "Accounts whose last poll failed", failing)
        paused = ApiKey.objects.active().exclude(paused_at=None).count()
        yield gauge("dashboard_keys_paused", "Keys paused after a refusal", paused)
        yield gauge(
            "dashboard_queue_oldest_seconds",
            "Age of the oldest waiting removal, in seconds; 0 when none waits",
            self.oldest(),
        )
        yield from self.workers()
        yield from account_figures(at=self.at)
        yield from budget_figures(at=self.at)

    def removals(self) -> Metric:
        """Count removals by how they came, their state and their cost."""
        family = GaugeMetricFamily(
            "dashboard_removals",
            "Removals by how they came, their state, and whether they cost a credit",
            labels=["source", "state", "charged"],
        )
        rows = Removal.objects.values_list("source", "state", "charged").annotate(count=Count("pk"))
        for *labels, count in rows.order_by("source", "state", "charged"):
            family.add_metric(labels, count)
        return family

    def workers(self) -> Iterator[Metric]:
        """Count the workers that are heard from, and those that fell silent without a word."""
        alive, silent = (
            found(at=self.at) for found in (Worker.objects.alive, Worker.objects.silent)
        )
        heard = Worker.objects.aggregate(at=Max("heard_at"))["at"]
        yield gauge("dashboard_workers", "Workers heard from within 90 seconds", alive.count())
        yield gauge(
            "dashboard_workers_silent",
            "Workers that fell silent within a day without being stopped",
            silent.count(),
        )
        yield gauge(
            "dashboard_worker_silence_seconds",
            "Seconds since any worker was last heard from",
            (self.at - heard).total_seconds() if heard else float("inf"),
        )

    def oldest(self) -> float:
        """Return the age of the oldest queued removal in seconds, 0 when none waits."""
        oldest = Removal.objects.filter(state=State.QUEUED).aggregate(at=Min("queued_at"))["at"]
        return (self.at - oldest).total_seconds() if oldest else 0.0


def gauge(name: str, text: str, value: float) -> Metric:
    """Make a family of one figure without labels."""
    return GaugeMetricFamily(name, text, value=value)


Pairs = list[tuple[Account, Standing]]
ACCOUNT = ("team", "account")
BUDGET = ("team", "kind", "budget")
# Name, help with the unit, and what a standing says of it.
OF_ACCOUNTS: tuple[tuple[str, str, Callable[[Standing], float | None]], ...] = (
    (
        "dashboard_included_credits_remaining",
        "Included credits left in the running cycle, in credits",
        lambda one: one.remaining,
    ),
    (
        "dashboard_included_credits",
        "Credits that the plan includes in the running cycle, in credits",
        lambda one: one.included,
    ),
    (
        "dashboard_prepaid_credits",
        "Prepaid credits left, which no cycle resets, in credits",
        lambda one: one.prepaid,
    ),
    (
        "dashboard_cycle_end_timestamp_seconds",
        "When the running cycle renews, in seconds since 1970 UTC",
        lambda one: one.window.end_at.timestamp() if one.window else None,
    ),
    (
        "dashboard_last_success_timestamp_seconds",
        "When the account was last read well, in seconds since 1970 UTC",
        lambda one: one.as_of.timestamp() if one.as_of else None,
    ),
    (
        "dashboard_credits_since_reading",
        "Charged for removals through the dashboard since the account was read well, in credits",
        lambda one: one.since if one.is_read else None,
    ),
    (
        "dashboard_account_degraded",
        "1 while the account answers removals with small pictures, as without credits, else 0",
        lambda one: float(one.degraded_at is not None),
    ),
    (
        "dashboard_account_stale",
        "1 when the account's numbers are older than they should be, else 0",
        lambda one: float(one.stale) if one.is_read else None,
    ),
)


def account_figures(*, at: datetime) -> Iterator[Metric]:
    """Yield the families of accounts and teams, in credits and seconds (2 queries)."""
    pairs = everywhere(at=at)
    for name, text, value_of in OF_ACCOUNTS:
        family = GaugeMetricFamily(name, text, labels=ACCOUNT)
        for account, one in pairs:
            value = value_of(one)
            if value is not None:
                family.add_metric(_account(account), value)
        yield family
    yield _failures(pairs)
    yield _infos(pairs)
    yield from _spendable(pairs)


def budget_figures(*, at: datetime) -> Iterator[Metric]:
    """Yield what budgets allow and what is taken in the running cycle, in credits (2 queries)."""
    used = GaugeMetricFamily(
        "dashboard_budget_used_credits",
        "Credits taken of a budget in its running cycle; absent until the first one",
        labels=BUDGET,
    )
    limit = GaugeMetricFamily(
        "dashboard_budget_limit_credits",
        "Where a budget warns (soft) and stops (hard) in a cycle, in credits",
        labels=[*BUDGET, "limit"],
    )
    budgets = list(Budget.objects.select_related("team").order_by("pk"))
    for budget in budgets:
        for name, value in (("soft", budget.soft), ("hard", budget.hard)):
            if value is not None:
                limit.add_metric([*_budget(budget), name], value)
    for use in running_uses(at=at):
        used.add_metric(_budget(use.budget), use.taken)
    yield used
    yield limit


def running_uses(*, at: datetime) -> list[BudgetUse]:
    """Return what is taken of every team's budgets whose running cycle has a row (1 query)."""
    first = first_accounts(OuterRef("budget__team"))
    rows = Spending.objects.covering(at).select_related("budget__account", "budget__team")
    found = rows.order_by("budget_id").annotate(
        first_start_at=Subquery(first.values("cycle_start_at")[:1]),
        first_end_at=Subquery(first.values("cycle_end_at")[:1]),
    )
    uses = []
    for row in found:
        spare = Account(cycle_start_at=row.first_start_at, cycle_end_at=row.first_end_at)
        period = running_cycle(row.budget.account or spare, at=at)
        if (row.start_at, row.end_at) == (period.start_at, period.end_at):
            uses.append(BudgetUse(row.budget, period, row.taken))
    return uses


def _failures(pairs: Pairs) -> Metric:
    family = GaugeMetricFamily(
        "dashboard_poll_failures", "Polls that failed since the last good one", labels=ACCOUNT
    )
    for account, _one in pairs:
        family.add_metric(_account(account), account.failed_polls)
    return family


def _infos(pairs: Pairs) -> Metric:
    family = GaugeMetricFamily(
        "dashboard_account_info",
        "Always 1; gives an account's id its label, to be joined on `account`",
        labels=[*ACCOUNT, "label"],
    )
    for account, _one in pairs:
        family.add_metric([*_account(account), public_label(account.label, str(account.pk))], 1)
    return family


def _spendable(pairs: Pairs) -> Iterator[Metric]:
    """Add up each team's accounts, none twice; a sum that lacks an unknown one is not told."""
    family = GaugeMetricFamily(
        "dashboard_spendable_credits",
        "Included credits left and prepaid ones over a team's accounts, each once, in credits",
        labels=["team"],
    )
    bound = GaugeMetricFamily(
        "dashboard_spendable_is_lower_bound",
        "1 while dashboard_spendable_credits may be too low or is absent: an account may be the "
        "same as another one and nobody has decided, or is unknown; else 0",
        labels=["team"],
    )
    by_team: defaultdict[str, list[Standing]] = defaultdict(list)
    for account, one in pairs:
        by_team[account.team.slug].append(one)
    for slug, standings in by_team.items():
        sums = total(standings)
        bound.add_metric([slug], float(sums.is_lower_bound))
        if sums.spendable is not None and not sums.unknown:
            family.add_metric([slug], sums.spendable)
    yield family
    yield bound


def _account(account: Account) -> list[str]:
    return [account.team.slug, str(account.pk)]


def _budget(budget: Budget) -> list[str]:
    return [budget.team.slug, budget.kind, str(budget.pk)]
