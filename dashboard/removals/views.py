"""The pages of removals: drop pictures here, and see how they go."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db import OperationalError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.lib.form_reader import MultipartForm, UnreadableForm
from dashboard.rembg.errors import FieldProblem
from dashboard.rembg.parameters import PARSERS
from dashboard.removals import actions, budgets, picture_form, queueing, responses, wording
from dashboard.removals.budgets import BudgetUse
from dashboard.removals.errors import Busy, NoKey, NoSpace, OverBudget
from dashboard.removals.forms import RemovalFilterForm, RemovalForm, accounts_with_keys
from dashboard.removals.models import Budget, Phase, Removal
from dashboard.removals.queueing import Wish
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.models import Membership, Role, Team

PAGE = 25
HTMX_STOP = 286  # htmx swaps such an answer and asks no more
STATUSES = {Busy: 429, OverBudget: 429, NoSpace: 507, NoKey: 409}
UNREADABLE: dict[str, str | Promise] = {
    "cut": gettext_lazy("The upload was cut off. Please try again."),
    "fields": gettext_lazy("This form has more in it than we read."),
    "malformed": gettext_lazy("This form could not be read. Please load the page again."),
}
FIELDS = {*PARSERS, *RemovalForm.base_fields, "csrfmiddlewaretoken"} - {picture_form.FIELD}


@csrf_exempt  # `create` checks it itself: first who asks, then the body (promises 0.8).
@require_http_methods(["GET", "HEAD", "POST"])
def collection(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the list with its form, or take a picture for it."""
    view = create if request.method == "POST" else index
    return view(request, slug=slug)


@require_safe
@team_view()
def index(request: TeamRequest, team: Team) -> HttpResponse:
    """Drop pictures here; and what became of the others."""
    if request.htmx:
        answer = render(request, "removals/index.html#recent", _recent(request, team))
        context = {"use": _own_use(request, team), "beside": True}
        answer.write(render_to_string("removals/index.html#budget", context, request))
        return answer
    return _page(request, team, RemovalForm(team=team))


@require_POST
@team_view(role=Role.MEMBER)
def create(request: TeamRequest, team: Team) -> HttpResponse:
    """Take one picture: when this answers well, it is safe with us."""
    if request.content_type != "multipart/form-data":
        sentence = _("Please send the image as multipart/form-data.")
        return responses.refused((), error=sentence, code="media_type", status=415)
    try:
        with picture_form.received(request, FIELDS) as upload:
            # Where the CSRF check looks.
            request.POST = QueryDict(urlencode(upload.texts))
            return _create(request, team, upload)
    except UnreadableForm as exc:
        return _refuse(request, team, [_of_image(UNREADABLE[exc.code])], code=exc.code)
    except NoSpace as exc:
        return _refuse(request, team, [_of_image(exc.message)], code=exc.code, status=507)


@csrf_protect
def _create(request: TeamRequest, team: Team, upload: MultipartForm) -> HttpResponse:
    form = RemovalForm(request.POST, team=team, upload=upload)
    if not form.is_valid():
        code = form.problems[0].code if form.problems else "account"
        return _refuse(request, team, form.details, code=code, form=form)
    try:
        removal = _accept(request, team, form)
    except (Busy, NoSpace, NoKey, OverBudget) as exc:
        status = STATUSES[type(exc)]
        details = [_of_image(wording.refusal(exc))]
        return _refuse(request, team, details, code=exc.code, status=status, form=form)
    except OperationalError:
        details = [_of_image(_("The database is busy. Please try again in a minute."))]
        return _refuse(request, team, details, code="database_busy", status=503, form=form)
    if responses.wants_json(request):
        return responses.accepted(removal)
    return redirect(responses.address(removal))


@require_safe
@team_view()
def detail(request: TeamRequest, team: Team, pk: str) -> HttpResponse:
    """One removal: how far it is, or what came of it."""
    removal = get_object_or_404(_with_names(team.removals.all()), pk=pk)
    context = {
        "removal": removal,
        "progress": removal.down if removal.phase == Phase.RECEIVING else removal.up,
        "runs": removal.runs_again.order_by("queued_at", "pk"),
        "nonce": uuid.uuid4(),
        "may_run_again": request.membership.may(Role.MEMBER),
        "may_delete": actions.may_delete(request, removal),
        "sees_answers": request.membership.may(Role.ADMIN),
    }
    if not request.htmx:
        return render(request, "removals/detail.html", context)
    answer = render(request, "removals/detail.html#removal", context)
    answer.status_code = HTMX_STOP if removal.is_final else 200
    return answer


@require_safe
@team_view()
def status(request: TeamRequest, team: Team, pk: str) -> HttpResponse:
    """Say how far it is, to the page's script."""
    removal = get_object_or_404(team.removals.select_related("team"), pk=pk)
    return responses.status(removal, at=timezone.now())


def _accept(request: TeamRequest, team: Team, form: RemovalForm) -> Removal:
    if not accounts_with_keys(team).exists():
        raise NoKey
    given = form.cleaned_data
    wish = Wish(form.file.filename, form.asked, given["account"], given["nonce"], given["tag"])
    by: Membership = request.membership
    return queueing.accept(by, form.content, form.picture, wish, at=timezone.now())


def _refuse(
    request: TeamRequest,
    team: Team,
    details: Sequence[FieldProblem],
    *,
    code: str,
    status: int = 400,
    form: RemovalForm | None = None,
) -> HttpResponse:
    """Say beside each field what is wrong, as JSON or in the page with what was typed."""
    if responses.wants_json(request):
        answer: HttpResponse = responses.refused(details, code=code, status=status)
    else:
        form = form or RemovalForm({}, team=team)
        for problem in details:
            if problem.message not in form.errors.get(problem.field, ()):
                form.add_error(problem.field, problem.message)
        answer = _page(request, team, form)
        answer.status_code = status
    if status in (429, 503) and code != OverBudget.code:
        answer["Retry-After"] = "60"
    return answer


def _page(request: TeamRequest, team: Team, form: RemovalForm) -> HttpResponse:
    may_post = request.membership.may(Role.MEMBER)
    context = {
        "form": form,
        "url": reverse("removals:create", args=[team.slug]),
        "may_post": may_post,
        "has_key": accounts_with_keys(team).exists(),
        "use": _own_use(request, team),
        **_recent(request, team),
    }
    return render(request, "removals/index.html", context)


def _recent(request: TeamRequest, team: Team) -> dict[str, Any]:
    """Return what the list shows."""
    filters = RemovalFilterForm(request.GET, team=team)
    filters.is_valid()
    chosen = filters.cleaned_data
    removals = team.removals.chosen(
        user=request.membership.user if chosen.get("whose") else None,
        state=chosen.get("state", ""),
        account=chosen.get("account"),
        source=chosen.get("source", ""),
        tag=chosen.get("tag", ""),
    )
    page = Paginator(_with_names(removals.newest_first()), PAGE).get_page(request.GET.get("page"))
    return {
        "filters": filters,
        "page": page,
        "is_running": any(not removal.is_final for removal in page),
    }


def _own_use(request: TeamRequest, team: Team) -> BudgetUse | None:
    """Return what the person has taken of their own budget; None without one."""
    own = Budget.objects.of_member(team, request.membership.user_id).bounded()
    found = budgets.uses(own, at=timezone.now())
    return found[0] if found else None


def _with_names(removals: QuerySet[Removal]) -> QuerySet[Removal]:
    return removals.select_related("team", "user", "account", "wanted_account", "api_key")


def _of_image(sentence: str | Promise) -> FieldProblem:
    return FieldProblem("image", str(sentence))
