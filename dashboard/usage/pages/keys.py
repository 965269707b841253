"""A key comes in, or another secret takes its place."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from dashboard.keys.locks import unlocked
from dashboard.keys.models import ApiKey
from dashboard.keys.wording import Advice, explain_question
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.audit import address_of
from dashboard.teams.models import Role, Team
from dashboard.usage import add_keys
from dashboard.usage.forms import NEW, AddKeyForm, ReplaceKeyForm


@require_http_methods(["GET", "HEAD", "POST"])
@team_view(role=Role.ADMIN)
@unlocked
def add(request: TeamRequest, team: Team) -> HttpResponse:
    """Ask RemBG about a key and keep it."""
    initial = {"account": request.GET.get("account", NEW)}
    form = AddKeyForm(request.POST or None, team=team, initial=initial)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        added = _add(request, team, form, context)
        if added is not None:
            tell = messages.warning if added.refusal else messages.success
            tell(request, told(added))
            return redirect("usage:account", team.slug, added.account.pk)
    return render(request, "usage/add_key.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@team_view(role=Role.ADMIN)
@unlocked
def replace(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Ask RemBG about another secret and put it in a key's place."""
    key = get_object_or_404(team.api_keys.active().select_related("account", "team"), pk=pk)
    form = ReplaceKeyForm(request.POST or None)
    context: dict[str, Any] = {"form": form, "key": key}
    if request.method == "POST" and form.is_valid():
        added = _replace(request, key, form, context)
        if added is not None:
            messages.success(request, _("Key replaced."))
            return redirect("keys:index", team.slug)
    return render(request, "usage/replace_key.html", context, status=422 if form.errors else 200)


def _add(
    request: TeamRequest, team: Team, form: AddKeyForm, context: dict[str, Any]
) -> add_keys.Added | None:
    given = form.cleaned_data
    account = form.chosen_account
    try:
        return add_keys.add_key(
            team,
            label=given["label"],
            secret=given["secret"],
            account=account,
            account_label=given["account_label"],
            by=request.membership.user,
            at=timezone.now(),
            address=address_of(request),
            anyway=given["anyway"],
        )
    except add_keys.AlreadyAdded as double:
        form.add_error("secret", _already(double.key))
    except add_keys.KeyRefused as refused:
        context["refusal"] = _refuse(form, refused)
        form.offer_anyway()
    except add_keys.OtherAccount:
        form.add_error("account", _other(account.label if account else ""))
    except add_keys.Overtaken:
        form.add_error("account", _("Somebody archived this account meanwhile."))
    except IntegrityError:
        form.add_error("label", _("The team has a key or an account with this name already."))
    return None


def _replace(
    request: TeamRequest, key: ApiKey, form: ReplaceKeyForm, context: dict[str, Any]
) -> add_keys.Added | None:
    try:
        return add_keys.replace_key(
            key,
            secret=form.cleaned_data["secret"],
            by=request.membership.user,
            at=timezone.now(),
            address=address_of(request),
            confirmed=form.cleaned_data["confirmed"],
        )
    except add_keys.AlreadyAdded as double:
        form.add_error("secret", _already(double.key))
    except add_keys.KeyRefused as refused:
        context["refusal"] = _refuse(form, refused)
    except add_keys.OtherAccount:
        form.add_error("secret", _other(key.account.label))
        form.ask_to_confirm()
    except add_keys.NotSure:
        form.add_error("secret", _("RemBG's answers do not show which account this key is of."))
        form.ask_to_confirm()
    except add_keys.Overtaken:
        words = _("Somebody replaced or archived this key meanwhile. Nothing was changed.")
        form.add_error("secret", words)
    return None


def told(added: add_keys.Added) -> str:
    """Return what became of a key, in a sentence or two."""
    if added.refusal is not None:
        return _("Key kept, but RemBG has not accepted it.")
    read = ngettext("%(count)s cycle read.", "%(count)s cycles read.", added.cycles)
    return f"{_('Key added.')} {read % {'count': added.cycles}}"


def _refuse(form: AddKeyForm | ReplaceKeyForm, refused: add_keys.KeyRefused) -> Advice:
    refusal = explain_question(refused.error, by_hand=True)
    form.add_error("secret", str(refusal.title) + ".")
    return refusal


def _already(key: ApiKey) -> str:
    return _("This key was already added as “%(label)s”.") % {"label": key.label}


def _other(label: str) -> str:
    words = _("This key does not answer for “%(label)s”: its cycles are other ones.")
    return words % {"label": label}
