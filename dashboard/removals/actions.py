"""What a person can do when a removal has ended: run it again, delete its pictures."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboard.removals import queueing, responses, sweeping, wording
from dashboard.removals.errors import Busy, NoSpace, OverBudget, PictureGone
from dashboard.removals.models import Removal
from dashboard.teams import audit
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.models import Role, Team


class AgainForm(forms.Form):
    """That a picture shall run once more; the nonce makes a double click one deed (U39)."""

    nonce = forms.CharField(required=False, max_length=64)


@require_POST
@team_view(role=Role.MEMBER)
def again(request: TeamRequest, team: Team, pk: str) -> HttpResponse:
    """Run the same picture once more: a person's decision, for it may cost a second credit."""
    removal = get_object_or_404(team.removals.select_related("team"), pk=pk)
    form = AgainForm(request.POST)
    if not removal.can_run_again or not form.is_valid():
        return redirect(responses.address(removal))
    try:
        new = queueing.run_again(
            removal, request.user, nonce=form.cleaned_data["nonce"], at=timezone.now()
        )
    except (Busy, NoSpace, OverBudget, PictureGone) as exc:
        messages.error(request, wording.refusal(exc))
        return redirect(responses.address(removal))
    _record(request, removal, "removal.run_again", was=removal.state, new=str(new.pk))
    return redirect(responses.address(new))


@require_POST
@team_view(role=Role.MEMBER)
def delete_pictures(request: TeamRequest, team: Team, pk: str) -> HttpResponse:
    """Delete the pictures of a removal before their time; the row and its cost stay."""
    removal = get_object_or_404(team.removals.select_related("team"), pk=pk)
    if not may_delete(request, removal):
        raise PermissionDenied
    if removal.is_final and removal.has_files:
        sweeping.delete_files(removal, at=timezone.now())
        _record(request, removal, "removal.pictures_deleted")
        messages.success(request, _("Pictures deleted."))
    return redirect(responses.address(removal))


def may_delete(request: TeamRequest, removal: Removal) -> bool:
    """Say whether this person may delete these pictures: one's own, an admin everybody's."""
    membership = request.membership
    own = removal.user_id == request.user.pk and membership.may(Role.MEMBER)
    return bool(own or membership.may(Role.ADMIN))


def _record(request: TeamRequest, removal: Removal, action: str, **details: str) -> None:
    audit.record_for(
        request,
        action,
        at=timezone.now(),
        subject=removal.filename,
        removal=str(removal.pk),
        **details,
    )
