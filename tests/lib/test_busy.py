"""A database that is busy is said to be busy, not broken (R4, S10)."""

import json

import pytest
from django.db import OperationalError
from django.test import RequestFactory

from dashboard.lib.busy import busy_database


@pytest.mark.parametrize(
    ("accept", "kind"), [("text/html", "text/plain"), ("application/json", "application/json")]
)
def test_r4_a_locked_database_is_503_with_a_pause(accept, kind):
    request = RequestFactory().post("/", headers={"Accept": accept})
    middleware = busy_database(lambda request: None)

    answer = middleware.process_exception(request, OperationalError("database is locked"))

    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert answer["Content-Type"].startswith(kind)
    assert "busy" in answer.content.decode()
    if kind == "application/json":
        assert json.loads(answer.content)["code"] == "busy"


def test_other_errors_are_left_alone():
    middleware = busy_database(lambda request: None)

    assert middleware.process_exception(RequestFactory().get("/"), ValueError("x")) is None
