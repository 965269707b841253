"""Slow bodies hold a bounded number of threads, and the rest of the site goes on."""

import threading

import pytest

from dashboard.lib.bodies import BoundedBodies


class Slow:
    """An application that answers a body only once it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.inside = threading.Semaphore(0)

    def __call__(self, environ, start_response):
        if environ.get("CONTENT_LENGTH", "0") != "0":
            self.inside.release()
            assert self.go.wait(120)
        start_response("200 OK", [])
        return [b"ok"]


def ask(application, **environ) -> str:
    said = []
    list(application(environ, lambda status, headers: said.append(status)))
    return said[0]


@pytest.fixture
def slow():
    slow = Slow()
    yield slow
    slow.go.set()


def hold(application, slow, count: int, peer: str) -> None:
    for _ in range(count):
        body = {"CONTENT_LENGTH": "10", "REMOTE_ADDR": peer}
        threading.Thread(target=ask, args=(application,), kwargs=body, daemon=True).start()
        assert slow.inside.acquire(timeout=120)


def test_u34_one_address_holds_no_more_than_its_share(slow):
    application = BoundedBodies(slow, per_peer=2, at_once=3)
    hold(application, slow, 2, "192.0.2.1")

    assert ask(application, CONTENT_LENGTH="10", REMOTE_ADDR="192.0.2.1").startswith("503")
    assert ask(application, HTTP_TRANSFER_ENCODING="chunked", REMOTE_ADDR="192.0.2.1")[:3] == "503"
    assert ask(application, REMOTE_ADDR="192.0.2.1").startswith("200")


def test_u34_many_addresses_leave_threads_for_those_who_read(slow):
    application = BoundedBodies(slow, per_peer=2, at_once=3)
    for number in range(3):
        hold(application, slow, 1, f"192.0.2.{number}")

    assert ask(application, CONTENT_LENGTH="10", REMOTE_ADDR="192.0.2.9").startswith("503")
    assert ask(application, CONTENT_LENGTH="0", REMOTE_ADDR="192.0.2.9").startswith("200")


def test_what_is_over_frees_its_place(slow):
    application = BoundedBodies(slow, per_peer=1, at_once=1)
    slow.go.set()

    answers = [ask(application, CONTENT_LENGTH="10", REMOTE_ADDR="192.0.2.1") for _ in range(3)]

    assert answers == ["200 OK"] * 3
    assert not application.reading


def test_an_application_that_fails_frees_its_place():
    def broken(environ, start_response):
        raise RuntimeError("broken")

    application = BoundedBodies(broken, per_peer=1, at_once=1)

    for _ in range(2):
        with pytest.raises(RuntimeError):
            ask(application, CONTENT_LENGTH="10", REMOTE_ADDR="192.0.2.1")
    assert not application.reading
