"""Which key opens the gateway, when, and that no key is ever told (promises K7-K12, T6-T21, S3)."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard.gateway.issuing import lend
from dashboard.gateway.models import VirtualKey
from dashboard.lib import tokens
from dashboard.removals.models import Removal, State
from dashboard.teams import roster
from dashboard.teams.models import AuditEntry, Role
from tests.conftest import add_key
from tests.gateway.conftest import ANSWER, PICTURE, UPSTREAM_KEY, issued
from tests.keys.canary import leaks

REMBG_KEY = "3f2b8c1a-9d4e-4f7a-8b6c-1e2d3c4b5a69"
INJECTION = "rbk_' OR (SELECT pg_sleep(3))--"
HOUR = timedelta(hours=1)
NO_MORE = (401, "key_revoked", "This key is no longer valid.")


def said(answer):
    """Status, slug and sentence, which every refusal has in the same shape."""
    document = json.loads(answer.content)
    assert document["status"] == answer.status_code
    assert document["request_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["X-Credits-Charged"] == "0"
    return answer.status_code, document["code"], document["error"]


def post(client, secret, path="/rmbg", **more):
    """Call in this process, with nothing but the key: it must be enough to be refused."""
    return client.post(path, headers={"x-api-key": secret}, **more)


@pytest.fixture(scope="session")
def proxied_gateway(start_gateway):
    """A second process: of an HTTPS site, behind a proxy that says so."""
    return start_gateway(SITE_URL="https://127.0.0.1", BEHIND_PROXY="1")


@pytest.fixture(scope="session")
def https_gateway(start_gateway):
    """A third process: of an HTTPS site, that believes no proxy."""
    return start_gateway(SITE_URL="https://127.0.0.1")


# ── What is sent ─────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", ["api_key", "key", "apikey", "X-API-Key"])
def test_k7_a_key_in_the_address_is_refused_and_not_logged(gateway, stage, secret, name):
    for path in ("/rmbg", "/api/membership-usage"):
        request = f"{'POST' if path == '/rmbg' else 'GET'} {path}?{name}={secret} HTTP/1.1\r\n"
        answer = gateway.raw(request.encode() + b"Host: 127.0.0.1\r\nConnection: close\r\n\r\n")

        assert answer.startswith(b"HTTP/1.1 400")
        assert b"Send the key in the x-api-key header." in answer
    assert not leaks(gateway.log, secret)
    assert not stage.bodies


def test_k8_a_key_of_rembgs_is_refused_not_logged_and_not_forwarded(gateway, stage, secret):
    answer = gateway.call(REMBG_KEY)

    sentence = "This looks like a RemBG key; use a virtual key (rbk_...)."
    assert said(answer) == (401, "rembg_key", sentence)
    assert not leaks(gateway.log, REMBG_KEY)
    assert not stage.bodies


def test_k9_a_broken_checksum_is_refused_without_a_query(
    client, db, secret, django_assert_num_queries
):
    broken = secret[:-1] + ("A" if secret[-1] != "A" else "B")

    with django_assert_num_queries(0):
        answer = post(client, broken)

    assert said(answer) == (401, "bad_key", "invalid api key")


@pytest.mark.parametrize(
    "sent",
    ["' OR 1=1--", INJECTION, "rbk_", "x", "rbk_" + "ü" * 49, "rbk_" + "0" * 49, "k" * 8000],
    ids=["quote", "sleep", "prefix", "short", "unicode", "digits", "long"],
)
def test_k10_what_cannot_be_a_key_costs_no_query(client, db, sent, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = post(client, sent)

    assert said(answer) == (401, "bad_key", "invalid api key")


@pytest.mark.parametrize("path", ["/rmbg", "/api/membership-usage"])
def test_k10_an_unknown_key_costs_one_query_however_many_there_are(
    client, mine, secret, django_assert_num_queries, path
):
    method = client.post if path == "/rmbg" else client.get
    for number in range(5):
        issued(mine, f"Script {number}")

    with django_assert_num_queries(1):
        answer = method(path, headers={"x-api-key": tokens.mint("rbk")})

    assert said(answer) == (401, "bad_key", "invalid api key")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"x-api-key: %s\r\nx-api-key: %s\r\n", b"400"),
        (b"x-api-key: %s\r\nX-API-KEY: other%.0s\r\n", b"400"),
        (b"x-api-key: %s\x00%.0s\r\n", b"400"),
        (b"x-api-key: \xff\xfe%.0s%.0s\r\n", b"401"),
        (b"x-api-key: %.0s%.0s" + b"k" * 1_000_000 + b"\r\n", b"431"),
    ],
    ids=["twice", "two", "nul", "8bit", "1MB"],
)
def test_k10_headers_that_no_client_sends(gateway, stage, secret, headers, status):
    sent = headers % (secret.encode(), secret.encode())

    answer = gateway.raw(
        b"POST /rmbg HTTP/1.1\r\nHost: 127.0.0.1\r\n" + sent + b"Connection: close\r\n\r\n"
    )

    assert answer.startswith(b"HTTP/1.1 " + status), answer[:300]
    assert not leaks(answer, secret)
    assert not stage.bodies


def test_no_key_is_401_and_says_where_it_belongs(client, db):
    answer = client.post("/rmbg")

    assert said(answer) == (401, "missing_key", "Send your key in the x-api-key header.")


def test_t16_a_signed_in_browser_without_a_key_is_nobody_here(client, mel, secret):
    client.force_login(mel)

    for answer in (client.post("/rmbg"), client.get("/api/membership-usage")):
        assert said(answer)[:2] == (401, "missing_key")


def test_t16_a_key_needs_no_csrf_token(secret, client):
    client.handler.enforce_csrf_checks = True

    answer = post(client, secret)

    assert answer.json()["code"] != "csrf"
    assert answer.status_code == 400


# ── Who has it ───────────────────────────────────────────────────────────────
def test_t6_who_was_removed_is_out_at_the_next_call_of_every_process(
    gateway, proxied_gateway, stage, acme, alice, mine, secret
):
    def calls():
        return [
            gateway.call(secret),
            proxied_gateway.call(secret, headers={"X-Forwarded-Proto": "https"}),
            gateway.usage(secret),
        ]

    assert [answer.status_code for answer in calls()[:2]] == [200, 200]

    roster.remove(acme, mine.pk, by=alice, at=timezone.now())

    assert [said(answer) for answer in calls()] == [NO_MORE] * 3
    assert len(stage.bodies) == 2


def test_t6_a_person_who_is_locked_out_is_out_here_too(gateway, mel, secret):
    mel.is_active = False
    mel.save()

    assert said(gateway.call(secret)) == NO_MORE


def test_t7_calls_under_way_end_when_a_key_is_revoked_and_none_begins(
    gateway, stage, virtual, secret
):
    with ThreadPoolExecutor(20) as pool:
        with stage.holding():
            under_way = [pool.submit(gateway.call, secret) for _ in range(20)]
            stage.wait_for(20)
            virtual.revoke(at=timezone.now())
            later = gateway.call(secret)
        answers = [call.result() for call in under_way]

    assert [(answer.status_code, answer.content) for answer in answers] == [(200, ANSWER)] * 20
    assert said(later) == NO_MORE
    assert len(stage.bodies) == 20
    assert Removal.objects.filter(state=State.DONE, charged="yes").count() == 20


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"expires_at": -HOUR}, (401, "key_expired", "This key has expired.")),
        (
            {"paused_at": -HOUR},
            (
                403,
                "key_paused",
                "This key is paused. Its member, or an admin of the team, can resume it.",
            ),
        ),
        ({"revoked_at": -HOUR}, NO_MORE),
    ],
    ids=["expired", "paused", "revoked"],
)
@pytest.mark.parametrize("lent", [False, True], ids=["own", "lent"])
def test_k11_a_key_that_is_over_says_why_and_never_itself(client, virtual, change, expected, lent):
    secret = lend(virtual, at=timezone.now())[1] if lent else virtual.secret
    moments = {name: timezone.now() + ago for name, ago in change.items()}
    VirtualKey.objects.filter(pk=virtual.pk).update(**moments)

    for answer in (
        post(client, secret),
        client.get("/api/membership-usage", headers={"x-api-key": secret}),
    ):
        assert said(answer) == expected
        assert not leaks(str(answer.headers).encode() + answer.content, secret)


def test_k11_a_key_over_its_budget_says_so_and_never_itself(gateway, stage, mine, key):
    _, secret = issued(mine, hard=0)

    answer = gateway.call(secret)

    assert said(answer)[:2] == (429, "over_budget")
    assert not leaks(str(answer.headers).encode() + answer.content, secret)
    assert not stage.bodies


def test_a_key_is_good_until_it_expires(client, mine, key):
    now = timezone.now()
    _, secret = issued(mine, expires_at=now + HOUR)

    assert post(client, secret).json()["code"] == "no_image"


def test_a_member_who_may_only_look_now_sends_nothing(gateway, stage, mine, secret):
    mine.role = Role.VIEWER
    mine.save()

    answer = gateway.call(secret)

    sentence = "The role of this key's member does not include removals."
    assert said(answer) == (403, "role", sentence)
    assert not stage.bodies


@pytest.mark.parametrize(("overlap", "status"), [(HOUR, 400), (timedelta(0), 401)])
def test_after_a_rotation_the_old_secret_is_good_for_the_overlap(client, virtual, overlap, status):
    new = virtual.rotate(at=timezone.now(), overlap=overlap)

    assert post(client, new).status_code == 400
    assert post(client, virtual.secret).status_code == status


def test_the_old_secret_ends_with_the_overlap(client, virtual):
    virtual.rotate(at=timezone.now() - HOUR, overlap=HOUR)

    assert said(post(client, virtual.secret))[:2] == (401, "bad_key")


@pytest.mark.parametrize(
    ("asked", "name"),
    [({"format": "bmp"}, "format"), ({}, "format"), ({"format": "png", "w": 20}, "w")],
    ids=["format", "default-format", "field"],
)
def test_a_key_asks_only_for_what_it_may(gateway, stage, mine, key, asked, name):
    _, secret = issued(mine, allowed_formats=["png"], allowed_fields=["angle"])

    refused = gateway.call(secret, **asked)

    assert said(refused)[:2] == (403, "not_allowed")
    assert f"'{name}'" in refused.json()["error"]
    assert not stage.bodies
    assert gateway.call(secret, format="png", angle=90, w=0).status_code == 200


# ── How it came ──────────────────────────────────────────────────────────────
def test_t21_a_plain_call_to_an_https_site_is_told_and_written_down(
    transactional_db, https_gateway, stage, virtual, secret
):
    answers = [https_gateway.call(secret), https_gateway.usage(secret)]

    assert [said(answer) for answer in answers] == [(403, "use_https", "Use https")] * 2
    assert all("Location" not in answer.headers for answer in answers)
    entry = AuditEntry.objects.get(action="virtual_key.sent_in_clear")
    assert (entry.subject, entry.address) == (str(virtual), "127.0.0.1")
    assert not leaks(str(entry.details), secret)
    virtual.refresh_from_db()
    assert virtual.sent_in_clear_at is not None
    assert not stage.bodies


@pytest.mark.parametrize("name", ["X-Forwarded-Proto", "X-Forwarded-Ssl", "Forwarded"])
def test_s3_nobody_is_believed_who_says_that_it_was_https(
    transactional_db, https_gateway, stage, secret, name
):
    values = {"X-Forwarded-Ssl": "on", "Forwarded": "proto=https"}

    answer = https_gateway.call(secret, headers={name: values.get(name, "https")})

    assert said(answer)[:2] == (403, "use_https")
    assert not stage.bodies


def test_t21_behind_a_proxy_what_it_says_counts(transactional_db, proxied_gateway, stage, secret):
    plain = proxied_gateway.call(secret, headers={"X-Forwarded-Proto": "http"})
    secure = proxied_gateway.call(secret, headers={"X-Forwarded-Proto": "https"})

    assert said(plain)[:2] == (403, "use_https")
    assert secure.status_code == 200


# ── Where it must never stand ────────────────────────────────────────────────
def echo(scene):
    """Answer with the key that came, as a careless service might."""
    scene.take()
    sentence = f"key {scene.headers['x-api-key']} is not allowed to do this"
    scene.give(json.dumps({"error": sentence}).encode(), 400, "application/json")


def test_k5_neither_key_is_told_or_logged_whatever_happens(gateway, stage, account, mine):
    add_key(account, UPSTREAM_KEY)
    virtual, secret = issued(mine, hard=2)
    answers = [gateway.call(secret), gateway.call(secret, b"no picture"), gateway.usage(secret)]
    stage.play = echo
    answers += [gateway.call(secret, headers={"Idempotency-Key": secret[:40]})]
    stage.clear()
    answers += [gateway.call(secret, name=f"{secret}.png"), gateway.call(secret)]
    answers += [gateway.call(secret, w=secret), gateway.call(secret, format=UPSTREAM_KEY)]
    virtual.revoke(at=timezone.now())
    answers += [gateway.call(secret)]

    statuses = [answer.status_code for answer in answers]
    assert statuses == [200, 400, 503, 400, 200, 429, 400, 400, 401]
    for answer in answers:
        seen = str(answer.headers).encode() + answer.content
        assert not leaks(seen, UPSTREAM_KEY)
        assert not leaks(seen, secret)
    assert not leaks(gateway.log, UPSTREAM_KEY)
    assert not leaks(gateway.log, secret)


def test_p13_nothing_of_the_caller_but_picture_and_fields_goes_upstream(gateway, stage, secret):
    seen = {}

    def note(scene):
        seen.update(scene.headers.items())
        scene.pass_on()

    stage.play = note
    answer = gateway.call(
        secret,
        headers={
            "Authorization": "Bearer eyJ-user-token",
            "Cookie": "sid=abc",
            "User-Agent": "canary-agent",
            "X-Forwarded-For": "203.0.113.9",
            "X-Request-Id": "canary-request-id",
        },
    )

    assert answer.status_code == 200
    assert answer.headers["X-Request-Id"] == "canary-request-id"
    assert seen["x-api-key"] == "sandbox-premium"
    assert not {"Authorization", "Cookie", "X-Forwarded-For"} & set(seen)
    assert not leaks(json.dumps(seen) + stage.bodies[0].decode("latin-1"), secret)
    assert PICTURE in stage.bodies[0]
