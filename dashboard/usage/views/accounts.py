"""An account's page: where did this cycle's credits go?"""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from dashboard.keys.models import Account, ApiKey
from dashboard.keys.wording import key_states
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.audit import record_for
from dashboard.teams.models import Role, Team
from dashboard.usage.account_page import AccountPage
from dashboard.usage.accounts import rename
from dashboard.usage.forms import AccountLabelForm, PickForm
from dashboard.usage.standing import standings, total
from dashboard.usage.states import DEGRADED, notes

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
            rename(account, form.cleaned_data["label"])
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
