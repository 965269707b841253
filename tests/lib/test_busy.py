"""What is away or busy is said to be so, not to be broken (R4, R23, S10)."""

import json
import sqlite3

import pytest
from django.db import InterfaceError, OperationalError
from django.test import RequestFactory

from dashboard.lib.busy import busy_database

LOCKED = OperationalError("database is locked")


def answer_to(exception, accept="text/html", path="/"):
    request = RequestFactory().post(path, headers={"Accept": accept})
    return busy_database(lambda request: None).process_exception(request, exception)


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_r4_a_locked_database_is_503_with_a_pause(kind):
    answer = answer_to(LOCKED, kind)

    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert answer["Content-Type"].startswith(kind)
    assert "The database is busy." in answer.content.decode()
    if kind == "application/json":
        assert json.loads(answer.content)["code"] == "busy"


def test_r4_an_address_for_programs_answers_json_whatever_is_asked_for():
    assert (
        json.loads(answer_to(LOCKED, "*/*", "/api/v1/teams/acme/accounts").content)["status"] == 503
    )


@pytest.mark.parametrize(
    ("exception", "code"),
    [
        (OperationalError("canceling statement due to lock timeout"), "busy"),
        (sqlite3.OperationalError("database is locked"), "busy"),
        (OperationalError("connection failed: Connection refused"), "database_away"),
        (InterfaceError("connection already closed"), "database_away"),
        (OperationalError("database or disk is full"), "disk_full"),
    ],
)
def test_r23_each_reason_has_its_own_words(exception, code):
    assert json.loads(answer_to(exception, "application/json").content)["code"] == code


def test_r23_redis_that_is_away_is_named():
    redis = pytest.importorskip("redis")

    answer = answer_to(redis.exceptions.TimeoutError("Timeout reading"), "application/json")

    assert json.loads(answer.content)["code"] == "redis_away"


def test_other_errors_are_left_alone():
    assert answer_to(ValueError("x")) is None
