"""Alive, ready, and the figures for Prometheus."""

import os
import subprocess
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.overview.models import Worker
from tests.ports import refusing


def a_worker(*, silent_for=timedelta(), **fields):
    """A worker that beat once, so long ago."""
    worker = Worker.here(at=timezone.now())
    for name, value in fields.items():
        setattr(worker, name, value)
    worker.beat(at=timezone.now() - silent_for)
    return worker


@pytest.fixture
def worker_is_heard(db):
    return a_worker()


def test_healthz_answers_without_asking_anybody(client, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_readyz_is_ready_when_all_that_is_needed_is_there(client, worker_is_heard, key):
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "database": "ok",
        "worker": "ok",
        "encryption_key": "ok",
        "queue": "ok",
        "cache": "ok",
        "disk": "ok",
        "silent_workers": [],
    }


def test_readyz_says_that_no_worker_is_running(client, db):
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["worker"] == "none is running"


def test_readyz_names_the_worker_that_is_silent_and_since_when(client, db):
    a_worker(silent_for=timedelta(minutes=5), host="paris", pid=7)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["worker"].startswith("silent: paris:7 since 20")


def test_r23_one_worker_of_two_is_enough_and_the_dead_one_is_named(client, key, worker_is_heard):
    a_worker(silent_for=timedelta(minutes=5), host="paris", pid=7)

    answer = client.get("/readyz")
    figures = client.get("/metrics").text.splitlines()

    assert (answer.status_code, answer.json()["worker"]) == (200, "ok")
    [named] = answer.json()["silent_workers"]
    assert named.startswith("paris:7 since 20")
    assert "dashboard_workers 1.0" in figures
    assert "dashboard_workers_silent 1.0" in figures


def test_r23_a_worker_that_is_silent_for_a_day_is_forgotten(client, db):
    a_worker(silent_for=timedelta(hours=25), host="paris", pid=7)

    assert client.get("/readyz").json()["silent_workers"] == []
    a_worker()
    assert not Worker.objects.filter(host="paris").exists()


def test_r23_a_worker_takes_the_place_of_one_that_was_killed_here(db):
    done = subprocess.Popen(["true"])
    done.wait()
    a_worker(pid=done.pid)
    other = a_worker(pid=os.getppid())

    new = a_worker()

    assert set(Worker.objects.values_list("pk", flat=True)) == {other.pk, new.pk}


@pytest.mark.parametrize(("who", "seen"), [("alice", True), ("victor", False)])
@pytest.mark.parametrize(("alive", "title"), [(True, "A worker is silent"), (False, "No worker")])
def test_r23_the_overview_tells_those_who_can_act(
    client, alice, victor, key, who, seen, alive, title
):
    a_worker(silent_for=timedelta(minutes=5), host="paris", pid=7)
    if alive:
        a_worker()
    client.force_login({"alice": alice, "victor": victor}[who])

    page = client.get("/teams/acme/").text

    assert (title in page) is seen
    assert ("paris:7" in page) is seen


def test_k15_readyz_says_that_the_encryption_key_does_not_match(
    client, worker_is_heard, key, settings
):
    settings.ENCRYPTION_KEYS = ["k1:" + "B" * 43 + "="]

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert "encryption key does not match" in answer.json()["encryption_key"]


def test_r5_readyz_says_that_there_is_no_room_for_a_result(client, worker_is_heard, settings):
    settings.ROOM_BYTES = 1 << 60

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["disk"]) == (
        503,
        "less free space than a result needs",
    )


def test_r5_readyz_says_that_a_disk_has_no_byte_left(client, worker_is_heard, settings, tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting takes root")
    try:
        (tmp_path / "filling").write_bytes(bytes(64 * 1024))
        settings.ROOM_BYTES, settings.FILE_UPLOAD_TEMP_DIR = 0, tmp_path

        answer = client.get("/readyz")
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)

    assert answer.status_code == 503
    assert answer.json()["disk"] == "cannot be written: No space left on device"


def test_r23_readyz_says_that_the_cache_does_not_answer(client, worker_is_heard, settings):
    pytest.importorskip("redis")
    with refusing() as url:
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": url.replace("http", "redis"),
            }
        }
        answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["cache"]) == (503, "no answer")


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_r23_signing_in_while_the_cache_is_away_is_503_with_the_reason(
    client, alice, settings, accept
):
    pytest.importorskip("redis")
    with refusing() as url:
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": url.replace("http", "redis"),
            }
        }
        answer = client.post(
            "/accounts/login/",
            {"login": "alice@example.com", "password": "x"},
            headers={"Accept": accept},
        )

    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert answer["Content-Type"].startswith(accept)
    assert "Redis does not answer." in answer.text
    assert (accept == "text/html") is ("Back in a moment" in answer.text)


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
