"""The pages of virtual keys: a member's own, for an admin everybody's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.gateway import actions, key_review
from dashboard.gateway.actions import Actor
from dashboard.gateway.forms import BackForm, ChangeForm, IssueForm, KeyFilterForm, RotateForm
from dashboard.gateway.models import VirtualKey
from dashboard.gateway.status import standing, standings
from dashboard.removals.models import Removal
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.audit import address_of
from dashboard.teams.models import Role, Team

PAGE, OVER, CALLS = 50, 20, 20
Deed = Callable[..., bool]


@require_safe
@team_view(role=Role.MEMBER)
def keys(request: TeamRequest, team: Team) -> HttpResponse:
    """List one's own keys, for an admin those of everybody or of one member."""
    at, mine = timezone.now(), request.membership
    filters = KeyFilterForm(request.GET, team=team) if mine.may(Role.ADMIN) else None
    found = VirtualKey.objects.seen_by(mine)
    chosen = filters.cleaned_data["member"] if filters and filters.is_valid() else None
    if chosen:
        found = found.of(chosen.user)
    unended = found.unended(at=at)
    page = Paginator(unended.newest_first(), PAGE).get_page(request.GET.get("page"))
    over = found.exclude(pk__in=unended.values("pk"))
    context = {
        "filters": filters,
        "chosen": chosen,
        "page": page,
        "rows": standings(page.object_list, at=at),
        "over": standings(over.newest_first()[:OVER], at=at),
        "worries": key_review.count(team, at=at) if filters else 0,
    }
    return render(request, "gateway/keys.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@team_view(role=Role.MEMBER)
def issue(request: TeamRequest, team: Team) -> HttpResponse:
    """Issue a key; its secret is in this one answer and nowhere else (K12)."""
    at = timezone.now()
    form = IssueForm(request.POST or None, by=request.membership, at=at, initial=request.GET.dict())
    if request.method == "POST" and form.is_valid():
        try:
            key, secret = actions.issue(_actor(request), form.holder, form.terms, at=at)
        except actions.ActionRefused as refused:
            _tell(form, refused)
        else:
            return _secret(request, key, secret, at=at)
    return render(request, "gateway/issue.html", {"form": form}, status=_status(form))


@require_safe
@team_view(role=Role.MEMBER)
def key(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Show a key: its terms, what it has used in this cycle, its last calls."""
    at = timezone.now()
    shown = standing(_find(request, pk), at=at)
    calls = Removal.objects.filter(team=team, virtual_key=pk).newest_first()[:CALLS]
    return render(request, "gateway/key.html", {"one": shown, "calls": calls})


@require_http_methods(["GET", "HEAD", "POST"])
@team_view(role=Role.MEMBER)
def change(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Give a key other terms; who may only tighten a cap is told so."""
    found, at, actor = _find(request, pk), timezone.now(), _actor(request)
    if not standing(found, at=at).can_change:
        return _over(request, found)
    form = ChangeForm(request.POST or None, key=found, may_raise=actor.is_admin, at=at)
    if request.method == "POST" and form.is_valid():
        try:
            actions.change(actor, found, form.terms, at=at)
        except actions.ActionRefused as refused:
            _tell(form, refused)
        else:
            messages.success(request, _("Key saved."))
            return redirect("gateway:key", team.slug, pk)
    context = {"form": form, "key": found, "may_raise": actor.is_admin}
    return render(request, "gateway/change.html", context, status=_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
@team_view(role=Role.MEMBER)
def rotate(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Give a key a new secret, shown in this one answer; say until when the old one is good."""
    found, at = _find(request, pk), timezone.now()
    if not standing(found, at=at).can_rotate:
        return _over(request, found)
    form = RotateForm(request.POST or None, initial={"hint": found.hint})
    if request.method == "POST" and form.is_valid():
        overlap = timedelta(hours=form.cleaned_data["overlap"])
        hint = form.cleaned_data["hint"]
        try:
            secret = actions.rotate(_actor(request), found, hint=hint, overlap=overlap, at=at)
        except actions.ActionRefused as refused:
            _tell(form, refused)
        else:
            return _secret(request, found, secret, at=at)
    context = {"form": form, "one": standing(found, at=at)}
    return render(request, "gateway/rotate.html", context, status=_status(form))


@require_POST
@team_view(role=Role.MEMBER)
def pause(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Let a key open nothing until it is resumed."""
    return _do(request, pk, actions.pause, gettext_lazy("Key paused. Its calls are refused."))


@require_POST
@team_view(role=Role.MEMBER)
def resume(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Let a paused key open again."""
    return _do(request, pk, actions.resume, gettext_lazy("Key resumed."))


@require_POST
@team_view(role=Role.MEMBER)
def revoke(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """End a key for good."""
    return _do(request, pk, actions.revoke, gettext_lazy("Key revoked. It opens nothing any more."))


@require_safe
@team_view(role=Role.ADMIN)
def review(request: TeamRequest, team: Team) -> HttpResponse:
    """List the keys that somebody should look at, and why."""
    at = timezone.now()
    context = {"findings": key_review.review(team, at=at), "count": key_review.count(team, at=at)}
    return render(request, "gateway/review.html", context)


def _find(request: TeamRequest, pk: UUID) -> VirtualKey:
    return get_object_or_404(VirtualKey.objects.seen_by(request.membership).newest_first(), pk=pk)


def _actor(request: TeamRequest) -> Actor:
    return Actor.of(request.membership, address_of(request))


def _tell(form: Any, refused: actions.ActionRefused) -> None:
    form.add_error(refused.field if refused.field in form.fields else None, str(refused))


def _status(form: Any) -> int:
    return 422 if form.errors else 200


def _do(request: TeamRequest, pk: UUID, deed: Deed, said: str | Promise) -> HttpResponse:
    found = _find(request, pk)
    if deed(_actor(request), found, at=timezone.now()):
        messages.success(request, str(said))
    else:
        messages.warning(request, _("Nothing was changed: the key was in that state already."))
    back = BackForm(request.POST).page
    where = [found.pk] if back == "key" else []
    return redirect(f"gateway:{back}", request.team.slug, *where)


def _over(request: TeamRequest, found: VirtualKey) -> HttpResponse:
    messages.warning(request, str(actions.KeyOver()))
    return redirect("gateway:key", request.team.slug, found.pk)


def _secret(request: TeamRequest, found: VirtualKey, secret: str, *, at: datetime) -> HttpResponse:
    """Show a secret, this once; middleware keeps the answer out of every cache."""
    context = {"one": standing(found, at=at), "secret": secret, "site_url": settings.SITE_URL}
    return render(request, "gateway/secret.html", context)
