"""The API reference: read it, and run it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dashboard.gateway import openapi
from dashboard.gateway.issuing import lend, own_reference_key
from dashboard.gateway.models import VirtualKey
from dashboard.reference import document
from dashboard.reference.document import Endpoint, Parameter
from dashboard.reference.forms import ConsoleForm
from dashboard.reference.snippets import LANGUAGES, Language
from dashboard.teams.access import LAST_TEAM, PersonRequest, signed_in
from dashboard.teams.models import Membership, Role, User


@dataclass(frozen=True)
class Lender:
    """Where a person can borrow: an own virtual key, or a team in which there is none yet."""

    membership: Membership
    key: VirtualKey | None = None

    @property
    def value(self) -> str:
        """Return what a form calls it."""
        return f"key:{self.key.pk}" if self.key else f"team:{self.membership.pk}"

    def lend(self, *, at: datetime) -> tuple[VirtualKey, str]:
        """Return a key for minutes that draws on this one, and its secret."""
        return lend(self.key or own_reference_key(self.membership, at=at), at=at)


def lenders(user: User, *, at: datetime) -> Sequence[Lender]:
    """List where this person can borrow: teams in order, those in which one only looks left out."""
    keys = VirtualKey.objects.of(user).active(at=at).newest_first()
    found: list[Lender] = []
    for membership in Membership.objects.of(user):
        if not membership.may(Role.MEMBER):
            continue
        own = [Lender(membership, key) for key in keys if key.membership_id == membership.pk]
        found += own or [Lender(membership)]
    return found


@dataclass(frozen=True)
class Console:
    """An endpoint with the values of its form, and the snippet that they make."""

    endpoint: Endpoint
    values: list[tuple[Parameter, str]]
    language: Language
    code: str


def console(endpoint: Endpoint, data: QueryDict) -> Console:
    """Return the endpoint with these values."""
    form = ConsoleForm(data, endpoint=endpoint)
    language = LANGUAGES[form.chosen]
    code = language.write(form.call(settings.SITE_URL))
    values = [(one, form.value(one.name)) for one in endpoint.parameters]
    return Console(endpoint, values, language, code)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show every call, its parameters, answers and errors; whoever signs in can run them."""
    _stand_in_last_team(request)
    context: dict[str, Any] = {
        "frame": "base.html" if request.user.is_authenticated else "reference/open.html",
        "consoles": [console(endpoint, request.GET) for endpoint in document.endpoints().values()],
        "languages": LANGUAGES.values(),
        "groups": document.groups(openapi.document(site_url=settings.SITE_URL)),
        "site_url": settings.SITE_URL,
    }
    if isinstance(request.user, User):
        context["lenders"] = lenders(request.user, at=timezone.now())
    return render(request, "reference/index.html", context)


@require_safe
def snippet(request: HttpRequest, name: str) -> HttpResponse:
    """Write a call with the present values of its form."""
    endpoint = document.endpoints().get(name)
    if endpoint is None:
        raise Http404
    context = {"console": console(endpoint, request.GET)}
    return render(request, "reference/console.html#snippet", context)


@require_POST
@signed_in
def borrow(request: PersonRequest) -> HttpResponse:
    """Lend the page a key for minutes; it draws on one of the person's own."""
    at = timezone.now()
    wanted = request.POST.get("lender", "")
    lender = next((one for one in lenders(request.user, at=at) if one.value == wanted), None)
    if lender is None:
        sentence = _("This key is no longer there. Load the page again.")
        return JsonResponse({"error": sentence, "status": 404}, status=404)
    key, secret = lender.lend(at=at)
    return JsonResponse({"key": secret, "expires_at": key.expires_at}, status=201)


def _stand_in_last_team(request: HttpRequest) -> None:
    """Keep the rail of the team that the person saw last; this page belongs to none."""
    if not request.user.is_authenticated:
        return
    mine = Membership.objects.of(request.user).filter(team__slug=request.session.get(LAST_TEAM))
    request.membership = mine.first()  # type: ignore[attr-defined]
