"""Every address as every person: who may, what leaks, and whom a page calls."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from dashboard.gateway.issuing import Terms, issue
from dashboard.removals.models import Charged, Removal, State
from dashboard.teams.models import Membership, Role
from dashboard.usage.models import Snapshot
from dashboard.usage.polling.ask import poll
from dashboard.usage.windows import Window
from tests.conftest import add_key, join, person
from tests.keys.canary import leaks
from tests.test_house import SOME_UUID, TEAM_ROUTES, filled

# The least role that an address takes.
LEAST = {
    "": "viewer",
    "accounts/": "viewer",
    "accounts/<uuid:pk>/": "viewer",
    "accounts/<uuid:pk>/archive/": "admin",
    "accounts/<uuid:pk>/compare.json": "viewer",
    "accounts/<uuid:pk>/compare/": "viewer",
    "accounts/<uuid:pk>/cycles.json": "viewer",
    "accounts/<uuid:pk>/days.json": "viewer",
    "accounts/<uuid:pk>/days/": "viewer",
    "accounts/<uuid:pk>/join/": "admin",
    "accounts/<uuid:pk>/keep-apart/": "admin",
    "accounts/<uuid:pk>/months.json": "viewer",
    "accounts/<uuid:pk>/readings/": "viewer",
    "accounts/<uuid:pk>/readings/<uuid:reading>/": "viewer",
    "accounts/<uuid:pk>/refresh/": "member",
    "accounts/<uuid:pk>/rename/": "admin",
    "accounts/<uuid:pk>/this-cycle.json": "viewer",
    "accounts/<uuid:pk>/use-again/": "admin",
    "audit/": "admin",
    "budgets/": "viewer",
    "budgets/<uuid:pk>/": "admin",
    "budgets/<uuid:pk>/remove/": "admin",
    "compare.json": "viewer",
    "compare/": "viewer",
    "explain/<slug:number>/": "viewer",
    "explain/<slug:number>/<uuid:pk>/": "viewer",
    "keys/": "viewer",
    "keys/<uuid:pk>/archive/": "admin",
    "keys/<uuid:pk>/rename/": "admin",
    "keys/<uuid:pk>/replace/": "admin",
    "keys/<uuid:pk>/test/": "admin",
    "keys/add/": "admin",
    "members/": "viewer",
    "members/<int:pk>/budget/": "admin",
    "members/<int:pk>/remove/": "admin",
    "members/<int:pk>/role/": "admin",
    "members/invitations/<int:pk>/revoke/": "admin",
    "members/invite/": "admin",
    "members/leave/": "viewer",
    "removals/": "viewer",
    "removals/<uuid:pk>/": "viewer",
    "removals/<uuid:pk>/again": "member",
    "removals/<uuid:pk>/delete-pictures": "member",
    "removals/<uuid:pk>/original": "viewer",
    "removals/<uuid:pk>/result": "viewer",
    "removals/<uuid:pk>/status.json": "viewer",
    "removals/<uuid:pk>/thumbnail": "viewer",
    "settings/": "viewer",
    "settings/tokens/": "viewer",
    "settings/tokens/<int:pk>/revoke/": "viewer",
    "sharing/": "admin",
    "sharing/<uuid:pk>/revoke/": "admin",
    "statements/": "viewer",
    "statements/<uuid:pk>/<slug:key>.csv": "viewer",
    "statements/<uuid:pk>/<slug:key>.xlsx": "viewer",
    "statements/<uuid:pk>/<slug:key>/": "viewer",
    "statements/<uuid:pk>/cycles/<slug:kind>.json": "viewer",
    "statements/months/": "viewer",
    "statements/months/<slug:month>.csv": "viewer",
    "statements/months/<slug:month>.xlsx": "viewer",
    "statements/months/<slug:month>/": "viewer",
    "statements/prices/": "viewer",
    "statements/prices/<int:pk>/remove/": "admin",
    "virtual-keys/": "member",
    "virtual-keys/<uuid:pk>/": "member",
    "virtual-keys/<uuid:pk>/change/": "member",
    "virtual-keys/<uuid:pk>/pause/": "member",
    "virtual-keys/<uuid:pk>/resume/": "member",
    "virtual-keys/<uuid:pk>/revoke/": "member",
    "virtual-keys/<uuid:pk>/rotate/": "member",
    "virtual-keys/issue/": "member",
    "virtual-keys/review/": "admin",
}
# Where looking is for everyone, and a POST is not.
LEAST_TO_POST = {
    "budgets/": "admin",
    "removals/": "member",
    "settings/": "admin",
    "statements/prices/": "admin",
}
PREFIX = "teams/<slug:slug>/"
CANARY = "sandbox-canary-7f3e-voegel-91"


def test_t2_every_address_has_a_line_in_the_table():
    assert {route.removeprefix(PREFIX) for route in TEAM_ROUTES} == set(LEAST)


@pytest.mark.parametrize("role", Role.values)
def test_t2_an_address_opens_from_its_role_on_and_not_below(client, acme, role):
    client.force_login(join(person("somebody"), acme, role))
    may, found, expected = Membership(role=role).may, {}, {}

    for route, least in LEAST.items():
        address = filled(PREFIX + route, pk=SOME_UUID)
        with transaction.atomic():  # Some leave the team, or change its settings.
            answers = client.get(address), client.post(address, {"role": "viewer"})
            transaction.set_rollback(True)
        looked, posted = (answer.status_code for answer in answers)
        assert {looked, posted} != {405}, route
        found[route] = looked == 403, posted == 403
        may_look, may_post = may(least), may(LEAST_TO_POST.get(route, least))
        expected[route] = not may_look and looked != 405, not may_post and posted != 405

    assert found == expected


@pytest.fixture
def lived_in(acme, alice, account, sandbox):
    """A team whose key is the canary, with readings, a refused key and removals in each state."""
    key = add_key(account, CANARY)
    assert poll(account, at=timezone.now()).is_good
    now = timezone.now()
    for state, charged in (
        (State.QUEUED, Charged.NO),
        (State.SENDING, Charged.UNKNOWN),
        (State.FAILED, Charged.NO),
        (State.UNKNOWN, Charged.UNKNOWN),
    ):
        Removal.objects.create(
            team=acme,
            user=alice,
            member=str(alice),
            account=account,
            api_key=key,
            nonce=state,
            filename=f"{state}.png",
            picture="pictures/none.png",
            picture_type="image/png",
            picture_bytes=10,
            width=4,
            height=3,
            parameters={"format": "png"},
            state=state,
            charged=charged,
            queued_at=now,
            not_before_at=now + timedelta(hours=1),
            keep_until=now + timedelta(days=30),
        )
    issue(acme.memberships.get(user=alice), Terms("Script", account=account), at=now)
    return account


def pages(account) -> list[str]:
    """List the team's addresses, once for each account, key, reading, person and removal."""
    team = account.team
    found = []
    cycle = Window.of(account.cycles.latest("start_at"))
    of_cycle = {"key": cycle.key, "kind": cycle.kind}
    for route in TEAM_ROUTES:
        kind = route.removeprefix(PREFIX).split("/")[0]
        things = {
            "accounts": [account],
            "budgets": team.budgets.all(),
            "keys": team.api_keys.all(),
            "removals": team.removals.all(),
            "members": team.memberships.all(),
            "virtual-keys": team.virtual_keys.all(),
        }.get(kind, [account])
        for thing in things:
            for reading in Snapshot.objects.all()[:2] if "reading>" in route else [None]:
                values = {"pk": thing.pk} | of_cycle | ({"reading": reading.pk} if reading else {})
                found.append(filled(route, **values))
    return list(dict.fromkeys(found))


PEOPLE = ["alice", "adam", "mel", "victor", "mallory"]


@pytest.mark.parametrize("who", PEOPLE)
def test_k5_no_page_shows_a_key_to_anybody(client, request, lived_in, who):
    client.force_login(request.getfixturevalue(who))
    shown = []

    for address in pages(lived_in):
        for headers in ({}, {"HX-Request": "true"}):
            answer = client.get(address, headers=headers)
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            said = body + str(answer.headers).encode()
            shown += [(address, leak) for leak in leaks(said, CANARY)]

    assert shown == []


def test_no_page_calls_upstream(client, alice, lived_in, settings):
    client.force_login(alice)

    with trap() as (url, calls):
        settings.REMBG_API_URL = settings.REMBG_SITE_URL = url
        statuses = {client.get(address).status_code for address in pages(lived_in)}

    assert 200 in statuses
    assert not {status for status in statuses if status >= 500}
    assert calls == []


@contextmanager
def trap() -> Iterator[tuple[str, list]]:
    """Listen on a port, and note whoever connects."""
    calls: list = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    connection, peer = server.accept()
                except TimeoutError:
                    continue
                connection.close()
                calls.append(peer)

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", calls
        finally:
            over.set()
            thread.join()
