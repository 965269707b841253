"""Is every key well? Test, rename and archive them."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from dashboard.keys import locks, testing
from dashboard.keys.forms import LabelForm
from dashboard.keys.wording import key_states
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.audit import record_for
from dashboard.teams.models import Role, Team


@require_safe
@team_view()
def index(request: TeamRequest, team: Team) -> HttpResponse:
    """Show the team's keys and how each of them stands."""
    return render(request, "keys/index.html", _context(request, team))


@require_POST
@team_view(role=Role.ADMIN)
@locks.unlocked
def test(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Ask RemBG with the key, now."""
    key = get_object_or_404(team.api_keys.active(), pk=pk)
    at = timezone.now()
    refusal = testing.test_key(key, at=at)
    outcome = str(refusal) if refusal else _("RemBG accepted the key.")
    record_for(request, "key.tested", at=at, subject=str(key), outcome=outcome)
    return _changed(request, team, tested=key.pk, outcome=outcome, refusal=refusal)


@require_http_methods(["GET", "HEAD", "POST"])
@team_view(role=Role.ADMIN)
@locks.unlocked
def rename(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Give the key another label."""
    key = get_object_or_404(team.api_keys.active().by_account(), pk=pk)
    form = LabelForm(request.POST or None, team=team, key=key)
    if request.method == "POST" and form.is_valid():
        before = key.label
        try:
            with transaction.atomic():
                key.rename(form.cleaned_data["label"])
        except IntegrityError:
            form.add_error("label", _("The team has a key with this label already."))
        else:
            record_for(request, "key.renamed", at=timezone.now(), subject=str(key), before=before)
            messages.success(request, _("Key renamed."))
            return redirect("keys:index", team.slug)
    status = 422 if form.errors else 200
    return render(request, "keys/rename.html", {"key": key, "form": form}, status=status)


@require_POST
@team_view(role=Role.ADMIN)
@locks.unlocked
def archive(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Use the key no more; its history stays."""
    key = get_object_or_404(team.api_keys.active(), pk=pk)
    at = timezone.now()
    if key.archive(at=at):
        record_for(request, "key.archived", at=at, subject=str(key))
    return _changed(request, team, outcome=_("Key archived."))


def _changed(request: TeamRequest, team: Team, *, outcome: str, **more: Any) -> HttpResponse:
    """Answer with the changed table to htmx, with the way back to the page to others."""
    if request.htmx:
        answer = render(request, "keys/index.html#keys", {**_context(request, team), **more})
        toast = {"text": outcome, "bad": bool(more.get("refusal"))}
        return trigger_client_event(answer, "toast", toast)
    messages.add_message(
        request, messages.WARNING if more.get("refusal") else messages.SUCCESS, outcome
    )
    return redirect("keys:index", team.slug)


def _context(request: TeamRequest, team: Team) -> dict[str, Any]:
    at = timezone.now()
    states = key_states(team.api_keys.active().by_account().select_related("team"), at=at)
    return {
        "states": states,
        "needy": sum(state.needs_somebody for state in states),
        "may_act": request.membership.may(Role.ADMIN),
        "lock": locks.locked(),
    }
