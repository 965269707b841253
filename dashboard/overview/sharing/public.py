"""What a shared link opens: no sign-in, nothing that names a person, and no way further in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard.keys.models import Account
from dashboard.lib.redaction import public_label
from dashboard.overview import summary
from dashboard.overview.models import Share
from dashboard.overview.sharing import badges
from dashboard.overview.sharing.charts import CHARTS, chart_of, formula_of
from dashboard.overview.summary import account_cards
from dashboard.usage.pages.account import AccountPage
from dashboard.usage.standing import Standing, standing, standings, total

Shows = Share.Shows
# Whoever finds it in a README may keep it for five minutes; it is made to be public.
BADGE_CACHE = "public, max-age=300"


def shared(*shows: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Open a view to live links of these kinds; all others are told the same: nothing here.

    The address must not travel: not to other sites, not to search engines, and `token` is the
    name that the access log leaves out.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @require_safe
        @wraps(view)
        def guarded(request: HttpRequest, token: str) -> HttpResponse:
            at = timezone.now()
            share = Share.objects.for_secret(token, at=at)
            if share is None or share.shows not in shows:
                raise Http404
            share.note_used(at=at)
            with timezone.override(share.team.zone):
                answer = view(request, share, token=token, at=at)
            answer["Referrer-Policy"] = "no-referrer"
            answer["X-Robots-Tag"] = "noindex, nofollow"
            return answer

        return guarded

    return decorate


@shared(Shows.OVERVIEW, *CHARTS)
def page(request: HttpRequest, share: Share, *, token: str, at: datetime) -> HttpResponse:
    """Show the overview or a chart; `?kiosk` makes the overview a wall's."""
    if share.shows == Shows.OVERVIEW:
        return _overview(request, share, at=at)
    account = AccountPage(_account(share), share.team, at)
    context = {
        "heading": public_label(account.account.label, _("Account")),
        "zone": share.team.time_zone,
        "standing": account.standing,
        "chart": chart_of(share, account),
        "chart_url": reverse("overview:shared_chart", args=[token]),
        "ahead": account.ahead if share.shows == Shows.THIS_CYCLE else None,
        "formula": formula_of(share),
    }
    return render(request, "shared/chart.html", context)


@shared(*CHARTS)
def chart(request: HttpRequest, share: Share, *, token: str, at: datetime) -> HttpResponse:
    """Answer the shared chart."""
    found = chart_of(share, AccountPage(_account(share), share.team, at))
    if found is None:
        raise Http404
    return JsonResponse(found)


@shared(Shows.BADGE)
def badge(request: HttpRequest, share: Share, *, token: str, at: datetime) -> HttpResponse:
    """Answer a picture of the credits left, for READMEs and other sites."""
    of_team = share.account is None
    found = standings(share.team, at=at) if of_team else [standing(_account(share), at=at)]
    return HttpResponse(
        badges.draw(*badges.credits_left(found), badges.formula(found)),
        content_type="image/svg+xml; charset=utf-8",
        headers={"Cache-Control": BADGE_CACHE, "Cross-Origin-Resource-Policy": "cross-origin"},
    )


def _overview(request: HttpRequest, share: Share, *, at: datetime) -> HttpResponse:
    found = [_plain(one) for one in standings(share.team, at=at)]
    kiosk = "kiosk" in request.GET
    context: dict[str, Any] = {
        "zone": share.team.time_zone,
        "at": at,
        "total": total(found),
        "answer": summary.summary_sentence(total(found), found),
        "cards": account_cards(share.team, found, at=at),
    }
    part = "#figures" if kiosk and getattr(request, "htmx", False) else ""
    return render(request, f"shared/{'kiosk' if kiosk else 'overview'}.html{part}", context)


def _plain(one: Standing) -> Standing:
    """Take out of a standing what may name a person or a key."""
    return replace(
        one,
        label=public_label(one.label, _("Account")),
        twin_of=public_label(one.twin_of, _("Account")),
        last_error="",
        last_message="",
    )


def _account(share: Share) -> Account:
    assert share.account is not None
    return share.account
