"""What the frame of every page shows: the team, its pages, the person's other teams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dashboard.teams.models import Membership, Role, Team


@dataclass(frozen=True)
class Page:
    """A page of a team in the rail; `covers` are the address names during which it is current."""

    label: str | Promise
    icon: str
    name: str
    covers: tuple[str, ...]
    role: str = Role.VIEWER


@dataclass(frozen=True)
class Link:
    """A link of the frame."""

    label: str | Promise
    url: str
    icon: str = ""
    current: bool = False


PAGES = (
    Page(_("Overview"), "gauge", "overview:team", ("overview:",)),
    Page(_("Accounts"), "wallet", "usage:accounts", ("usage:",)),
    Page(
        _("Statements"),
        "table",
        "overview:statements",
        ("overview:statement", "overview:month", "overview:price", "overview:remove_price"),
    ),
    Page(_("Removals"), "scissors", "removals:index", ("removals:",)),
    Page(_("Keys"), "key-round", "keys:index", ("keys:", "usage:add_key", "usage:replace_key")),
    Page(_("Virtual keys"), "shield", "gateway:keys", ("gateway:",), Role.MEMBER),
    Page(
        _("Members"),
        "users",
        "teams:members",
        ("teams:members", "teams:invite", "removals:budget"),
    ),
    Page(_("Audit"), "history", "teams:audit", ("teams:audit",), Role.ADMIN),
    Page(
        _("Settings"),
        "settings",
        "teams:settings",
        ("teams:settings", "teams:issue_token", "overview:sharing"),
    ),
)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return the frame's context: one query, and none on a team's page, which has asked it.

    A page names each part more than once, so each is made at most once.
    """
    membership: Membership | None = getattr(request, "membership", None)
    team = membership.team if membership else None
    every = _teams_of(request)
    return {
        "demo": settings.DEMO,
        "membership": membership,
        "team": team,
        "teams": lambda: [other for other in every() if other != team],
        "team_links": cache(lambda: _team_links(every(), team)),
        "nav": cache(lambda: _nav(request, membership) if membership else []),
        "person_links": cache(_person_links),
    }


def _team_links(teams: list[Team], current: Team | None) -> list[Link]:
    return [
        Link(team.name, reverse("overview:team", args=[team.slug]), current=team == current)
        for team in teams
    ]


def _person_links() -> list[Link]:
    return [
        Link(_("Your teams"), reverse("teams:index"), "users"),
        Link(_("API reference"), reverse("reference:index"), "circle-help"),
    ]


def _nav(request: HttpRequest, membership: Membership) -> list[Link]:
    current = _current(request.resolver_match.view_name if request.resolver_match else "")
    return [
        Link(
            page.label,
            reverse(page.name, args=[membership.team.slug]),
            page.icon,
            current=page is current,
        )
        for page in PAGES
        if membership.may(page.role)
    ]


def _current(view_name: str) -> Page | None:
    """Return the page whose longest name covers this one: `usage:add_key` belongs to Keys."""
    covering = [
        (len(name), page) for page in PAGES for name in page.covers if view_name.startswith(name)
    ]
    return max(covering, key=lambda found: found[0])[1] if covering else None


def _teams_of(request: HttpRequest) -> Callable[[], list[Team]]:
    """Return a function that asks for the person's teams at most once a page."""

    @cache
    def teams() -> list[Team]:
        # The page of an early failure is shown before anybody is known.
        user = getattr(request, "user", None)
        if user is None or not user.is_authenticated:
            return []
        found = getattr(request, "memberships", None)
        return [mine.team for mine in found or Membership.all_of(user)]

    return teams
