"""Alive, ready, and the figures for Prometheus."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.lib import heartbeat


@pytest.fixture
def worker_is_heard(db):
    heartbeat.beat(at=timezone.now())


def test_healthz_answers_without_asking_anybody(client, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_readyz_is_ready_when_database_worker_and_key_are(client, worker_is_heard, key):
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "database": "ok",
        "worker": "ok",
        "encryption_key": "ok",
    }


def test_readyz_says_that_no_worker_was_heard_from(client, db):
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["worker"] == "never heard from"


def test_readyz_says_since_when_the_worker_is_silent(client, db):
    heartbeat.beat(at=timezone.now() - timedelta(minutes=5))

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["worker"].startswith("silent since 20")


def test_k15_readyz_says_that_the_encryption_key_does_not_match(
    client, worker_is_heard, key, settings
):
    settings.ENCRYPTION_KEYS = ["k1:" + "B" * 43 + "="]

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert "encryption key does not match" in answer.json()["encryption_key"]


def test_metrics_count_what_the_rows_say(client, worker_is_heard, key):
    lines = client.get("/metrics").text.splitlines()

    assert "dashboard_accounts 1.0" in lines
    assert "dashboard_keys_paused 0.0" in lines
    assert not [line for line in lines if "sandbox-premium" in line or "@" in line]


@pytest.mark.parametrize(
    ("extra", "headers"),
    [
        pytest.param({"REMOTE_ADDR": "203.0.113.9"}, {}, id="O8-from-outside"),
        pytest.param({}, {"X-Forwarded-For": "203.0.113.9"}, id="O8-through-a-proxy"),
    ],
)
def test_metrics_are_not_for_everybody(db, extra, headers):
    assert Client().get("/metrics", headers=headers, **extra).status_code == 403


def test_metrics_open_with_their_token_only(client, worker_is_heard, settings):
    settings.METRICS_TOKEN = "a-long-token"

    refused = client.get("/metrics", headers={"Authorization": "Bearer another"})
    opened = client.get("/metrics", headers={"Authorization": "Bearer a-long-token"})

    assert (refused.status_code, opened.status_code) == (403, 200)
