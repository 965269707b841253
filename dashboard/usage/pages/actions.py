"""What people do to an account: read it now, archive it, decide about a twin."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboard.keys.locks import unlocked
from dashboard.keys.wording import explain_question
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.audit import address_of, record_for
from dashboard.teams.models import Role, Team
from dashboard.usage import duplicates
from dashboard.usage.polling import schedule
from dashboard.usage.polling.ask import poll


@require_POST
@team_view(role=Role.MEMBER)
@unlocked
def refresh(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Read the account now, at most once a minute."""
    account = get_object_or_404(team.accounts.active(), pk=pk)
    at = timezone.now()
    if not schedule.claim_refresh(account, at=at):
        messages.info(request, _("It was read less than a minute ago."))
        return redirect("usage:account", team.slug, account.pk)
    schedule.claim(account, at=at)
    snapshot = poll(account, at=at, requests=schedule.requests_left(account, at=at))
    if snapshot.is_good:
        messages.success(request, _("Read just now."))
    elif snapshot.is_doubted:
        messages.info(request, _("Read just now; the answer waits to be confirmed by others."))
    else:
        reason = str(explain_question(snapshot.error)) if snapshot.status else snapshot.message
        messages.warning(request, reason or _("RemBG's answer could not be used."))
    return redirect("usage:account", team.slug, account.pk)


@require_POST
@team_view(role=Role.ADMIN)
def archive(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Read the account no more and forget its keys; its history stays."""
    account = get_object_or_404(team.accounts.active(), pk=pk)
    at = timezone.now()
    if account.archive(at=at):
        record_for(request, "account.archived", at=at, subject=account.label)
        messages.success(request, _("Account archived."))
    return redirect("usage:accounts", team.slug)


@require_POST
@team_view(role=Role.ADMIN)
def use_again(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Choose the account for removals by itself again, though it answered with small pictures."""
    account = get_object_or_404(team.accounts.active(), pk=pk)
    at = timezone.now()
    if account.note_well(before=at):
        record_for(request, "account.used_again", at=at, subject=account.label)
        messages.success(request, _("The account is used again."))
    return redirect("usage:account", team.slug, account.pk)


@require_POST
@team_view(role=Role.ADMIN)
def join(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """File the keys of a twin under the account that it equals."""
    twin = get_object_or_404(team.accounts.active(), pk=pk)
    at, address = timezone.now(), address_of(request)
    account = duplicates.join(twin, by=request.membership.user, at=at, address=address)
    if account is None:
        return redirect("usage:account", team.slug, twin.pk)
    messages.success(request, _("Filed under “%(label)s”.") % {"label": account.label})
    return redirect("usage:account", team.slug, account.pk)


@require_POST
@team_view(role=Role.ADMIN)
def keep_apart(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Count a twin as an account of its own."""
    twin = get_object_or_404(team.accounts.active(), pk=pk)
    at, address = timezone.now(), address_of(request)
    if duplicates.keep_apart(twin, by=request.membership.user, at=at, address=address):
        messages.success(request, _("Kept apart. Both accounts count in the totals."))
    return redirect("usage:account", team.slug, twin.pk)
