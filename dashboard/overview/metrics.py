"""Prometheus metrics, read from the database when asked; labels are bounded (promises O8)."""

import hmac
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Max, Min
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dashboard.keys.models import Account, ApiKey
from dashboard.overview.figures import account_figures, budget_figures
from dashboard.overview.models import Worker
from dashboard.removals.models import Removal, State


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
    """The figures that the rows tell at a moment."""

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
