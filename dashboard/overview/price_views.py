"""Prices of credits on a page: everybody reads them, an admin sets them."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.keys.models import Account
from dashboard.keys.pricing import CreditPrice
from dashboard.overview.forms import PriceForm
from dashboard.overview.money import Price
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.audit import record_for
from dashboard.teams.models import Role, Team


@require_http_methods(["GET", "HEAD", "POST"])
@team_view()
def index(request: TeamRequest, team: Team) -> HttpResponse:
    """Show the team's prices; an admin sets one."""
    at = timezone.now()
    may_set = request.membership.may(Role.ADMIN)
    if request.method == "POST" and not may_set:
        raise PermissionDenied
    form = PriceForm(request.POST if request.method == "POST" else None, team=team, at=at)
    if form.is_valid():
        put(request, form)
        return redirect("overview:prices", team.slug)
    prices = CreditPrice.objects.of_team(team).select_related("account")
    context = {
        "form": form,
        "prices": [
            (one, Price(one.amount, one.currency))
            for one in prices.order_by(
                F("account__label").asc(nulls_first=True), "account", "-from_at"
            )
        ],
        "may_set": may_set,
    }
    status = 422 if form.is_bound else 200
    return render(request, "overview/prices.html", context, status=status)


@require_POST
@team_view(role=Role.ADMIN)
def remove(request: TeamRequest, team: Team, pk: int) -> HttpResponse:
    """Take a price away: the one before it holds on."""
    prices = CreditPrice.objects.of_team(team).select_related("account")
    price = get_object_or_404(prices, pk=pk)
    price.delete()
    record_for(
        request,
        "price.removed",
        at=timezone.now(),
        subject=whose(price.account),
        price=str(price),
        holds_from=price.from_at,
    )
    messages.success(request, _("Price removed."))
    return redirect("overview:prices", team.slug)


def put(request: TeamRequest, form: PriceForm) -> None:
    """Set the price of an account, or of all, from a moment on; it replaces one that began then."""
    at, given = timezone.now(), form.cleaned_data
    account, from_at = given["account"], given["from_on"]
    place = {"account": account, "team": None if account else form.team, "from_at": from_at}
    before = CreditPrice.objects.filter(**place).first()
    price, _new = CreditPrice.objects.update_or_create(
        **place,
        defaults={"amount": given["amount"], "currency": given["currency"], "set_at": at},
    )
    record_for(
        request,
        "price.set",
        at=at,
        subject=whose(account),
        price=[str(before) if before else "none", str(price)],
        holds_from=from_at,
    )
    messages.success(request, _("Price saved."))


def whose(account: Account | None) -> str:
    """Name the account of a price; without one it is everybody's."""
    return account.label if account else _("All accounts")
