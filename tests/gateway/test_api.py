"""Virtual keys over the JSON API: a token reads, a signed-in person writes."""

import json
from datetime import timedelta
from typing import get_args

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.gateway.forms import FIELDS
from dashboard.gateway.issuing import Terms, issue
from dashboard.gateway.models import VirtualKey
from dashboard.gateway.schemas import FieldName, Format
from dashboard.keys.models import Account
from dashboard.lib import tokens
from dashboard.rembg.parameters import FORMATS
from dashboard.removals.models import Spending
from dashboard.teams.api import NOTHING_HERE
from dashboard.teams.models import AccessToken, Membership
from tests.keys.canary import leaks

HERE = "/api/v1/teams/acme/virtual-keys"


def membership(user, team):
    return Membership.objects.get(user=user, team=team)


def key_of(user, team, label="Script", **terms):
    return issue(membership(user, team), Terms(label, **terms), at=timezone.now())[0]


def post(client, path="", **given):
    return client.post(f"{HERE}{path}", given, content_type="application/json")


def patch(client, key, **given):
    return client.patch(f"{HERE}/{key.pk}", given, content_type="application/json")


def bearer(user, team):
    at = timezone.now()
    mine = membership(user, team)
    _token, secret = AccessToken.objects.issue(mine, label="x", at=at, days=1)
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def mels(acme, mel):
    return key_of(mel, acme, "Mel’s script", hard=100)


@pytest.fixture
def adams(acme, adam):
    return key_of(adam, acme, "Adam’s script")


def test_k12_the_secret_is_in_the_answer_to_issuing_and_nowhere_else(client, acme, mel, account):
    client.force_login(mel)

    answer = post(client, label="CI", tag="shop", hard=500, soft=400, account=str(account.pk))

    given = answer.json()
    key = VirtualKey.objects.get()
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "private, no-store"
    assert tokens.looks_valid(given["secret"], "rbk")
    assert key.digest == tokens.digest(given["secret"])
    assert (given["label"], given["tag"], given["state"]) == ("CI", "shop", "active")
    assert (given["account"], given["member"]) == (str(account.pk), "Mel")
    for path in (HERE, f"{HERE}/{key.pk}"):
        later = client.get(path)
        assert later.status_code == 200
        assert leaks(later.content, given["secret"]) == []
    assert leaks(str(list(acme.audit_entries.values())), given["secret"]) == []


def test_an_answer_says_what_is_used_what_remains_and_until_when(noon, client, acme, account, mel):
    start, end = "2026-11-03T00:00:00Z", "2026-12-03T00:00:00Z"
    Account.objects.update(cycle_start_at=start, cycle_end_at=end)
    account.refresh_from_db()
    key = key_of(mel, acme, soft=3, hard=10, account=account)
    client.force_login(mel)
    budget = {"soft": 3, "hard": 10, "used": 0, "remaining": 10}

    before = client.get(f"{HERE}/{key.pk}").json()["budget"]
    Spending.objects.create(
        budget=key.budget,
        start_at=account.cycle_start_at,
        end_at=account.cycle_end_at,
        taken=4,
    )
    after = client.get(f"{HERE}/{key.pk}").json()["budget"]

    period = {
        "period_start_unix": int(account.cycle_start_at.timestamp()),
        "period_end_unix": int(account.cycle_end_at.timestamp()) - 1,
    }
    assert before == budget | period
    assert after == budget | period | {"used": 4, "remaining": 6}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", ""),
        ("patch", "/{pk}"),
        ("post", "/{pk}/pause"),
        ("post", "/{pk}/resume"),
        ("post", "/{pk}/rotate"),
        ("post", "/{pk}/revoke"),
    ],
)
def test_an_access_token_only_reads(client, acme, alice, mels, method, path):
    headers = bearer(alice, acme)
    address = HERE + path.format(pk=mels.pk)

    answer = getattr(client, method)(
        address, {"label": "CI"}, content_type="application/json", headers=headers
    )

    assert answer.status_code == 403
    assert "only reads" in answer.json()["error"]
    mels.refresh_from_db()
    assert (mels.label, mels.paused_at, mels.revoked_at) == ("Mel’s script", None, None)
    assert client.get(HERE, headers=headers).status_code == 200
    assert VirtualKey.objects.count() == 1


@pytest.mark.parametrize("method", ["post", "patch"])
def test_t15_a_write_without_the_csrf_token_is_refused(acme, mel, mels, method):
    client = Client(enforce_csrf_checks=True)
    client.force_login(mel)
    path = HERE if method == "post" else f"{HERE}/{mels.pk}"

    def write(**headers):
        call = getattr(client, method)
        return call(path, {"label": "CI"}, content_type="application/json", headers=headers)

    assert write().status_code == 403
    page = client.get("/teams/acme/virtual-keys/issue/").content.decode()
    token = page.split('name="csrfmiddlewaretoken" value="')[1][:64]
    assert write(**{"X-CSRFToken": token}).status_code in {200, 201}


def test_a_person_reads_own_keys_and_an_admin_all(client, acme, adam, mel, mels, adams):
    labels = {}
    for user in (mel, adam):
        client.force_login(user)
        found = client.get(HERE).json()["virtual_keys"]
        labels[user.name] = {one["label"] for one in found}

    assert labels == {"Mel": {"Mel’s script"}, "Adam": {"Mel’s script", "Adam’s script"}}


def test_keys_that_are_over_are_listed_on_request(client, mel, mels):
    mels.revoke(at=timezone.now())
    client.force_login(mel)

    assert client.get(HERE).json() == {"virtual_keys": []}
    found = client.get(HERE, {"over": "true"}).json()["virtual_keys"]
    assert [one["state"] for one in found] == ["revoked"]


def test_a_viewer_has_no_virtual_keys(client, acme, victor, mels):
    for headers in ({}, bearer(victor, acme)):
        client.force_login(victor)
        assert client.get(HERE, headers=headers).status_code == 403
    assert post(client, label="x").status_code == 403


@pytest.mark.parametrize("action", ["", "/pause", "/resume", "/rotate", "/revoke"])
@pytest.mark.parametrize("who", ["mel", "mallory"])
def test_t1_another_persons_key_is_not_there(client, request, acme, adams, who, action):
    client.force_login(request.getfixturevalue(who))
    address = f"{HERE}/{adams.pk}"

    answers = [post(client, f"/{adams.pk}{action}") if action else client.get(address)]
    answers.append(patch(client, adams, label="Mine"))

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["code"] for answer in answers} == {"not_found"}
    adams.refresh_from_db()
    assert (adams.label, adams.paused_at, adams.revoked_at) == ("Adam’s script", None, None)


def test_t3_fields_that_nobody_may_say_are_ignored(client, acme, evil, mel, mallory, mels):
    foreign = key_of(mallory, evil)
    wrong = {
        "team": evil.pk,
        "membership": 1,
        "digest": "0" * 64,
        "budget": str(foreign.budget_id),
        "used": 0,
        "id": str(foreign.pk),
        "parent": str(foreign.pk),
        "state": "revoked",
    }
    client.force_login(mel)

    issued = post(client, label="CI", **wrong)
    changed = patch(client, mels, **wrong)

    assert (issued.status_code, changed.status_code) == (201, 200)
    key = VirtualKey.objects.get(label="CI")
    assert (key.team, key.membership.user, key.parent) == (acme, mel, None)
    assert str(key.pk) == issued.json()["id"] != str(foreign.pk)
    assert key.budget_id != foreign.budget_id
    before = mels.digest
    mels.refresh_from_db()
    assert (mels.digest, mels.team, mels.revoked_at) == (before, acme, None)


def test_only_an_admin_issues_to_others(client, acme, adam, mel, victor):
    client.force_login(mel)
    assert post(client, label="a", member="adam@example.com").status_code == 403
    assert post(client, label="a", member="MEL@example.com").status_code == 201

    client.force_login(adam)
    statuses = {
        name: post(client, label="b", member=f"{name}@example.com").status_code
        for name in ("mel", "victor", "mallory")
    }
    assert statuses == {"mel": 201, "victor": 400, "mallory": 400}
    assert set(VirtualKey.objects.values_list("member", flat=True)) == {"Mel"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"label": ""}, "label"),
        ({}, "label"),
        ({"label": "x", "hard": 0}, "hard"),
        ({"label": "x", "hard": "many"}, "hard"),
        ({"label": "x", "hard": 5, "soft": 9}, "soft"),
        ({"label": "x", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"label": "x", "expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"label": "x", "allowed_formats": ["gif"]}, "allowed_formats"),
        ({"label": "x", "allowed_formats": []}, "allowed_formats"),
        ({"label": "Mel’s script"}, "label"),
        ({"label": "x", "account": "00000000-0000-4000-8000-000000000000"}, "account"),
    ],
)
def test_what_is_wrong_is_named(client, mel, mels, given, field):
    client.force_login(mel)

    answer = post(client, **given)

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert field in {problem["field"] for problem in answer.json()["details"]}
    assert VirtualKey.objects.count() == 1


def test_t1_an_account_of_another_team_is_refused(client, evil, mel):
    foreign = Account.objects.create(team=evil, label="Evil Corp")
    client.force_login(mel)

    answer = post(client, label="x", account=str(foreign.pk))

    assert answer.status_code == 400
    assert answer.json()["details"][0]["field"] == "account"


@pytest.mark.parametrize(
    ("who", "hard", "status"),
    [("mel", 99, 200), ("mel", 101, 403), ("mel", None, 403), ("adam", 101, 200)],
)
def test_only_an_admin_raises_a_cap(client, request, acme, mel, mels, who, hard, status):
    client.force_login(request.getfixturevalue(who))

    answer = patch(client, mels, hard=hard)

    assert answer.status_code == status
    mels.budget.refresh_from_db()
    assert mels.budget.hard == (hard if status == 200 else 100)


def test_what_is_left_out_of_a_change_stays(client, acme, account, mel):
    later = timezone.now() + timedelta(days=9)
    terms = {"tag": "shop", "soft": 3, "hard": 9, "account": account, "expires_at": later}
    key = key_of(mel, acme, **terms, allowed_formats=["png"])
    account.archived_at = timezone.now()
    account.save()
    client.force_login(mel)

    given = patch(client, key, label="Shop").json()

    assert (given["label"], given["tag"], given["account"]) == ("Shop", "shop", str(account.pk))
    assert (given["budget"]["soft"], given["budget"]["hard"]) == (3, 9)
    assert given["allowed_formats"] == ["png"]
    assert given["expires_at"].startswith(f"{later:%Y-%m-%dT%H:%M}")
    assert patch(client, key, expires_at=None).json()["expires_at"] is None


def test_a_rotation_answers_with_the_new_secret_and_the_end_of_the_old(client, mel, mels):
    client.force_login(mel)

    given = post(client, f"/{mels.pk}/rotate", overlap_hours=1).json()

    mels.refresh_from_db()
    assert mels.digest == tokens.digest(given["secret"])
    assert given["old_secret_until"].startswith(f"{mels.old_until:%Y-%m-%dT%H:%M}")
    assert post(client, f"/{mels.pk}/rotate", overlap_hours=2).status_code == 400


def test_states_change_and_what_is_over_stays_over(client, mel, mels):
    client.force_login(mel)

    states = [
        post(client, f"/{mels.pk}/{action}").json()["state"]
        for action in ("pause", "pause", "resume", "revoke", "resume", "pause")
    ]

    assert states == ["paused", "paused", "active", "revoked", "revoked", "revoked"]
    assert post(client, f"/{mels.pk}/rotate").status_code == 409
    assert patch(client, mels, label="x").status_code == 409


def test_what_may_be_allowed_is_what_the_wire_knows():
    assert get_args(Format) == FORMATS
    assert get_args(FieldName) == FIELDS


def test_the_document_describes_virtual_keys(client, alice):
    client.force_login(alice)

    document = client.get("/api/v1/openapi.json").json()

    paths = [path for path in document["paths"] if "virtual-keys" in path]
    assert len(paths) == 6
    assert "secret" in document["components"]["schemas"]["SecretOut"]["properties"]
    assert "secret" not in document["components"]["schemas"]["VirtualKeyOut"]["properties"]


SURROGATES = ["\ud800", "a\udfffb", "\udfff\ud800"]


@pytest.mark.parametrize("method", ["post", "patch"])
@pytest.mark.parametrize("field", ["label", "tag", "member"])
@pytest.mark.parametrize("text", [*SURROGATES, "a\0b", "x" * 100_000], ids=ascii)
def test_a_text_that_no_database_holds_is_named(client, alice, acme, field, text, method):
    client.force_login(alice)
    key = key_of(alice, acme)
    if method == "patch" and field == "member":
        return

    body = json.dumps({"label": "CI", field: text})
    path = HERE if method == "post" else f"{HERE}/{key.pk}"
    answer = getattr(client, method)(path, body, content_type="application/json")

    assert answer.status_code == 400
    assert [problem["field"] for problem in answer.json()["details"]] == [field]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("soft", 10**30),
        ("hard", -1),
        ("hard", True),
        ("soft", 1e308),
        ("falls_over", "yes"),
        ("expires_at", "0001-01-01T00:00:00+14:00"),
        ("expires_at", "9999-12-31T23:59:59-12:00"),
        ("expires_at", 10**30),
        ("account", "\ud800"),
        ("allowed_fields", ["w", "\ud800"]),
        ("allowed_formats", []),
    ],
    ids=ascii,
)
def test_a_value_out_of_bounds_is_named(client, alice, acme, field, value):
    client.force_login(alice)
    body = json.dumps({"label": "CI", field: value})

    for method, path in (("post", HERE), ("patch", f"{HERE}/{key_of(alice, acme, label='a').pk}")):
        answer = getattr(client, method)(path, body, content_type="application/json")

        assert answer.status_code == 400
        assert [problem["field"] for problem in answer.json()["details"]] == [field]


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("days", "until=0001-01-01", "until"),
        ("days", "until=9999-12-31", "until"),
        ("days", "since=0001-01-01", "since"),
        ("days", "since=2026-01-01&until=2201-01-01", "until"),
        ("days", "since=2026-01-02&until=2026-01-01", "since"),
        ("days", "since=2024-01-01&until=2026-01-01", "since"),
        ("days", "since=%00", "since"),
        ("hours", "day=0001-01-01", "day"),
        ("hours", "day=9999-12-31", "day"),
        ("hours", f"count={10**30}", "count"),
        ("snapshots", "limit=0", "limit"),
        ("snapshots", f"limit={10**30}", "limit"),
    ],
)
def test_a_stretch_out_of_bounds_is_named(client, alice, account, path, query, field):
    client.force_login(alice)

    answer = client.get(f"/api/v1/teams/acme/accounts/{account.pk}/{path}?{query}")

    assert answer.status_code == 400
    assert [problem["field"] for problem in answer.json()["details"]] == [field]


@pytest.mark.parametrize("day", ["2000-01-01", "2000-01-15", "2200-12-31"])
def test_the_first_and_the_last_day_can_be_asked_for(client, alice, account, day):
    client.force_login(alice)

    for query in (f"days?until={day}", f"hours?day={day}&count=31"):
        assert client.get(f"/api/v1/teams/acme/accounts/{account.pk}/{query}").status_code == 200


def test_what_is_not_there_is_always_said_in_the_same_way(client, alice, account):
    client.force_login(alice)
    other = "11111111-1111-1111-1111-111111111111"

    answers = [
        client.get(f"/api/v1/{path}").json()
        for path in (
            "teams/nope/accounts",
            "teams/a%00b/accounts",
            f"teams/acme/accounts/{other}/days",
            f"teams/acme/accounts/{account.pk}/statements/%00",
            "teams/acme/statements/0000-00",
            "teams/acme/accounts/7/days",
            "nothing",
            "",
        )
    ]

    assert all(answer.pop("request_id") for answer in answers)
    assert {json.dumps(answer, sort_keys=True) for answer in answers} == {
        json.dumps({"code": "not_found", "error": NOTHING_HERE, "status": 404})
    }


def test_the_document_declares_errors_and_bounds(client, alice):
    client.force_login(alice)

    document = client.get("/api/v1/openapi.json").json()

    for path in document["paths"].values():
        for operation in path.values():
            assert {"400", "401", "403", "404", "503"} < set(operation["responses"])
    key = document["components"]["schemas"]["IssueIn"]["properties"]
    assert key["label"]["maxLength"] == 80
    assert key["soft"]["anyOf"][0] == {"maximum": 1_000_000_000, "minimum": 1, "type": "integer"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("post", "teams/acme/accounts", "GET"),
        ("options", "teams/acme/budgets", "GET"),
        ("delete", "teams/acme/virtual-keys", "GET, POST"),
        ("put", "teams/acme/virtual-keys/{pk}", "GET, PATCH"),
        ("get", "teams/acme/virtual-keys/{pk}/revoke", "POST"),
        ("post", "openapi.json", "GET, HEAD"),
    ],
)
def test_s5_another_method_is_a_405_in_the_shape_of_every_error(
    acme, mel, mels, method, path, allowed
):
    client = Client(enforce_csrf_checks=True)
    client.force_login(mel)

    answer = getattr(client, method)(f"/api/v1/{path.format(pk=mels.pk)}")

    assert (answer.status_code, answer["Allow"]) == (405, allowed)
    assert answer.json() == {
        "error": f"Use {allowed}.",
        "status": 405,
        "code": "method",
        "request_id": answer["X-Request-Id"],
    }


@pytest.mark.parametrize("body", ["[]", "[null, null]", '"label"', "5", "true", "null"])
def test_a_body_that_is_no_object_changes_nothing(client, mel, mels, body):
    client.force_login(mel)

    answers = [
        client.patch(f"{HERE}/{mels.pk}", body, content_type="application/json"),
        client.post(f"{HERE}/{mels.pk}/rotate", body, content_type="application/json"),
        client.post(HERE, body, content_type="application/json"),
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert {answer.json()["code"] for answer in answers} <= {"invalid", "refused"}
    digest = mels.digest
    mels.refresh_from_db()
    assert mels.digest == digest


def test_whole_numbers_are_whole_however_they_are_written(client, mel, mels):
    client.force_login(mel)

    assert patch(client, mels, hard=50.0).json()["budget"]["hard"] == 50
    assert patch(client, mels, hard=50.5).status_code == 400
    assert post(client, f"/{mels.pk}/rotate", overlap_hours=1.0).status_code == 200
    assert post(client, f"/{mels.pk}/rotate", overlap_hours=True).status_code == 400


@pytest.mark.parametrize("moment", [1_800_000_000, "1800000000"])
def test_an_expiry_is_written_with_its_zone(client, mel, mels, moment):
    client.force_login(mel)

    answer = patch(client, mels, expires_at=moment)

    assert answer.status_code == 400
    assert [problem["field"] for problem in answer.json()["details"]] == ["expires_at"]


def test_the_document_promises_no_value_for_what_a_change_leaves_out(client, alice):
    schemas = client.get("/api/v1/openapi.json").json()["components"]["schemas"]

    assert [
        name for name, field in schemas["ChangeIn"]["properties"].items() if "default" in field
    ] == []
    assert schemas["IssueIn"]["properties"]["falls_over"]["default"] is False
