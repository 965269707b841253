"""An account's page: what it shows, and its addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode
from uuid import UUID

from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from dashboard.keys.models import Account, ApiKey
from dashboard.keys.wording import key_states
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.audit import record_for
from dashboard.teams.models import Role, Team
from dashboard.usage import formatting
from dashboard.usage.charts import cycles as cycle_charts
from dashboard.usage.charts.burn_down import burn_down
from dashboard.usage.charts.chart import Chart, Frame
from dashboard.usage.forecast_text import OutlookPart
from dashboard.usage.forms import AccountLabelForm, PickForm
from dashboard.usage.history import window_readings
from dashboard.usage.models import CalendarMonth, Cycle, Kind, Snapshot
from dashboard.usage.polling.thinning import hours_from
from dashboard.usage.reading_notes import DEGRADED, notes
from dashboard.usage.standing import Standing, standing, standings, total
from dashboard.usage.windows import Window, chosen


@dataclass(frozen=True)
class Choice:
    """A window that can be picked."""

    key: str
    label: str
    is_chosen: bool
    is_running: bool


@dataclass(frozen=True)
class CyclesChart:
    """The chart of one kind of cycles, and where its `.json` is."""

    kind: str
    chart: Chart
    url: str
    source_url: str


@dataclass(frozen=True, eq=False)
class AccountPage:
    """Everything about one account at a moment; each part is read when it is first used."""

    account: Account
    team: Team
    at: datetime
    picked: str = ""
    keys: Sequence[ApiKey] = ()

    @cached_property
    def standing(self) -> Standing:
        """Where the account stands now."""
        return standing(self.account, at=self.at)

    @cached_property
    def cycles(self) -> list[Cycle]:
        """Every cycle as it is stored, oldest first: asked once for all parts of the page."""
        return list(self.account.cycles.oldest_first())

    @cached_property
    def windows(self) -> list[Window]:
        """Every cycle that was read, oldest first."""
        return [Window.of(cycle) for cycle in self.cycles]

    @cached_property
    def running(self) -> Window | None:
        """The window that the newest reading speaks of, if it is still running."""
        now = self.standing.window
        found = chosen(self.windows, now.key) if now else None
        return found if found and found.is_now(at=self.at) else None

    @cached_property
    def window(self) -> Window | None:
        """The window that is shown: the one picked, or the running one, or the newest.

        Raise Http404 for one that the account does not have.
        """
        if self.picked:
            found = chosen(self.windows, self.picked)
            if found is None:
                raise Http404
            return found
        now = self.standing.window
        latest = chosen(self.windows, now.key) if now else None
        return latest or (self.windows[-1] if self.windows else None)

    @property
    def credits_since(self) -> int:
        """What was charged through us since the shown window was read; it is the newest reading's.

        Of any other window nobody can say so.
        """
        now, shown = self.standing.window, self.window
        is_newest = now is not None and shown is not None and now.key == shown.key
        return self.standing.since if is_newest else 0

    @property
    def shows_now(self) -> bool:
        """Say whether the running window is shown, with the newest numbers."""
        return self.window is not None and self.window == self.running

    @cached_property
    def course(self) -> window_readings.WindowReadings:
        """What was read of the window that is shown, and what happened in it."""
        if self.window is None:
            return window_readings.WindowReadings()
        readings = Snapshot.objects.filter(account=self.account)
        return window_readings.read(readings, self.window, hours_from=hours_from(self.at))

    @cached_property
    def months(self) -> list[CalendarMonth]:
        """Every calendar month that was read, oldest first."""
        return list(self.account.months.order_by("year", "month"))

    @property
    def kinds(self) -> list[str]:
        """The kinds of cycles that the account had, the running one's first."""
        present = {window.kind for window in self.windows}
        first = self.standing.window.kind if self.standing.window else Kind.STRIPE
        return sorted(present, key=lambda kind: (kind != first, kind))

    @property
    def choices(self) -> list[Choice]:
        """The windows to pick from, newest first."""
        return [
            Choice(
                window.key,
                formatting.span(window, self.team.zone, at=self.at),
                window == self.window,
                window == self.running,
            )
            for window in reversed(self.windows)
        ]

    @property
    def burn_down(self) -> Chart:
        """The chart of the window that is shown."""
        assert self.window is not None
        return burn_down(
            self.window,
            self.course,
            frame=self._frame(_newest(self.course.points, self.window)),
            standing=self.standing if self.shows_now else None,
            steps=self.ahead.steps if self.shows_now else (),
        )

    @cached_property
    def ahead(self) -> OutlookPart:
        """What lies ahead of the account."""
        return OutlookPart(self.account, self.team, self.standing, self.at)

    @property
    def burn_down_url(self) -> str:
        """The address of that chart's `.json`."""
        query = {"cycle": self.window.key} if self.window else {}
        return f"{self._url('usage:this_cycle')}?{urlencode(query)}"

    @property
    def cycle_charts(self) -> list[CyclesChart]:
        """A chart for each kind of cycles."""
        return [
            CyclesChart(
                kind,
                self.cycles_chart(kind),
                f"{self._url('usage:cycles')}?{urlencode({'kind': kind})}",
                self.explained("cycles", kind=kind),
            )
            for kind in self.kinds
        ]

    def cycles_chart(self, kind: str) -> Chart:
        """Return the chart of all cycles of one kind."""
        read = [w.asked_at for w in self.windows if w.kind == kind and w.asked_at]
        return cycle_charts.cycle_columns(
            self.windows, kind=kind, frame=self._frame(max(read, default=None)), link=self.link
        )

    @property
    def months_chart(self) -> Chart:
        """The chart of the calendar months."""
        read = [month.asked_at for month in self.months]
        return cycle_charts.month_columns(self.months, frame=self._frame(max(read, default=None)))

    @property
    def days_url(self) -> str:
        """The address of the window's use by the day."""
        query = f"?{urlencode(self._picked)}" if self.picked else ""
        return f"{self._url('usage:days')}{query}"

    @property
    def months_url(self) -> str:
        """The address of that chart's `.json`."""
        return self._url("usage:months")

    @property
    def months_why_url(self) -> str:
        """Where the calendar months are explained."""
        return self.explained("months")

    @property
    def burn_down_why_url(self) -> str:
        """Where the lines of the shown window's chart are explained."""
        return self.explained("burn-down", **self._picked)

    @property
    def standing_source_url(self) -> str:
        """The provenance of where the account stands now."""
        return self.reading_url(self.standing.source)

    @property
    def spendable_url(self) -> str:
        """Where it is explained what can be spent."""
        return self.explained("spendable")

    @property
    def used_url(self) -> str:
        """Where it is explained what the window that is shown has used."""
        return self.explained("used", **self._picked)

    def explained(self, number: str, **query: str) -> str:
        """Return where a number of this account is explained."""
        where = reverse("overview:explain_one", args=[self.team.slug, number, self.account.pk])
        return f"{where}?{urlencode(query)}" if query else where

    def link(self, window: Window) -> str:
        """Return the address of the page that shows this window."""
        return f"{self._url('usage:account')}?{urlencode({'cycle': window.key})}"

    def reading_url(self, source: object) -> str:
        """Return where a number's provenance is shown; empty when there is none."""
        if source is None:
            return ""
        return reverse("usage:reading", args=[self.team.slug, self.account.pk, source])

    @property
    def sentence(self) -> str:
        """The page's answer: how much is left, until when."""
        now = self.standing
        if not now.is_read:
            return _("This account has not been read yet.")
        left = _("%(left)s of %(of)s included credits are left, and %(prepaid)s prepaid.") % {
            "left": formatting.number(now.remaining),
            "of": formatting.number(now.included),
            "prepaid": formatting.number(now.prepaid),
        }
        return f"{left} {self._renewal()}".strip()

    def _renewal(self) -> str:
        window, days = self.standing.window, self.standing.renews_in_days
        if window is None:
            return _("When the cycle renews is unknown.")
        day = formatting.day(window.end_at, self.team.zone, at=self.at)
        if days is None:
            return _("The cycle ended on %(day)s; the new one has not been read yet.") % {
                "day": day
            }
        words = ngettext(
            "The cycle renews on %(day)s, in %(days)s day.",
            "The cycle renews on %(day)s, in %(days)s days.",
            days,
        )
        return words % {"day": day, "days": days}

    @property
    def left_at_end(self) -> int | None:
        """The included credits that a closed window left unused; None when that is not known."""
        window = self.window
        if window is None or window.used is None or window.included_credits is None:
            return None
        return max(0, window.included_credits - window.used)

    @property
    def source_url(self) -> str:
        """The provenance of the numbers shown."""
        if self.shows_now:
            return self.reading_url(self.standing.source)
        return self.reading_url(self.window.source if self.window else None)

    @property
    def end_note(self) -> str:
        """Where the end of the window that is shown comes from, if RemBG did not tell it."""
        return formatting.where_it_ends(self.window) if self.window else ""

    @property
    def span(self) -> str:
        """The window that is shown, in words."""
        return formatting.span(self.window, self.team.zone, at=self.at) if self.window else ""

    def _frame(self, as_of: datetime | None) -> Frame:
        return Frame(self.at, self.team.zone, as_of, stale=self.standing.stale)

    @property
    def _picked(self) -> dict[str, str]:
        return {"cycle": self.picked} if self.picked else {}

    def _url(self, name: str) -> str:
        return reverse(name, args=[self.team.slug, self.account.pk])


def _newest(points: Sequence[window_readings.Point], window: Window) -> datetime | None:
    return points[-1].at if points else window.asked_at


# What stands beside an account, and is loaded with it.
BESIDE = ("same_as", "outlook")


@require_safe
@team_view()
def index(request: TeamRequest, team: Team) -> HttpResponse:
    """Show where each account of the team stands."""
    found = standings(team, at=timezone.now())
    context = {
        "standings": found,
        "total": total(found),
        "archived": team.accounts.exclude(archived_at=None).order_by("label", "pk"),
        "may_add": request.membership.may(Role.ADMIN),
    }
    return render(request, "usage/accounts.html", context)


@require_safe
@team_view()
def account(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Show one account, in one window; to htmx only the part that the window changes."""
    page = page_of(request, team, pk)
    # An account without a window has no part of the page to swap.
    fragment = request.htmx and not request.htmx.history_restore_request and page.window is not None
    context = {
        "page": page,
        "account": page.account,
        "standing": page.standing,
        "notes": notes(page.standing),
        "keys": key_states(page.keys, at=page.at),
        "degraded": DEGRADED,
        "may_act": request.membership.may(Role.ADMIN),
        "may_refresh": request.membership.may(Role.MEMBER),
    }
    return render(request, f"usage/account.html{'#cycle' if fragment else ''}", context)


@require_safe
@team_view()
def this_cycle(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Answer the chart of one window."""
    page = page_of(request, team, pk)
    if page.window is None:
        raise Http404
    return JsonResponse(page.burn_down)


@require_safe
@team_view()
def cycles(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Answer the chart of all cycles of one kind, by default of the running one's."""
    page = page_of(request, team, pk)
    kinds = page.kinds
    if not kinds:
        raise Http404
    return JsonResponse(page.cycles_chart(picked(request)["kind"] or kinds[0]))


@require_safe
@team_view()
def months(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Answer the chart of the calendar months."""
    return JsonResponse(page_of(request, team, pk).months_chart)


@require_http_methods(["GET", "HEAD", "POST"])
@team_view(role=Role.ADMIN)
def edit(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Give the account another name."""
    account = get_object_or_404(team.accounts.active(), pk=pk)
    before = account.label
    form = AccountLabelForm(request.POST or None, account=account)
    if request.method == "POST" and form.is_valid():
        try:
            account.rename(form.cleaned_data["label"])
        except IntegrityError:
            form.add_error("label", _("The team has an account with this name already."))
        else:
            at = timezone.now()
            record_for(request, "account.renamed", at=at, subject=account.label, before=before)
            return redirect("usage:account", team.slug, account.pk)
    status = 422 if form.errors else 200
    context = {"account": account, "form": form, "before": before}
    return render(request, "usage/rename_account.html", context, status=status)


def picked(request: HttpRequest) -> dict[str, str]:
    """Return what was picked in the address; raise Http404 for what is no window."""
    form = PickForm(request.GET)
    if not form.is_valid():
        raise Http404
    return form.cleaned_data


def page_of(request: HttpRequest, team: Team, pk: UUID, *, picks: bool = True) -> AccountPage:
    """Return the page's content as of now; raise Http404.

    Without `picks` it is of the running cycle, whatever the address says.
    """
    picked_cycle = picked(request)["cycle"] if picks else ""
    # One query for both: an account without a key is rare.
    found = ApiKey.objects.active().filter(account=pk, account__team=team)
    keys = list(
        found.select_related(*(f"account__{name}" for name in BESIDE)).order_by("label", "pk")
    )
    accounts = team.accounts.select_related(*BESIDE)
    account: Account = keys[0].account if keys else get_object_or_404(accounts, pk=pk)
    return AccountPage(account, team, timezone.now(), picked_cycle, keys)
