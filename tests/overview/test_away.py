"""Redis or the database away for a while (R23): said so, nothing lost, and well again by itself.

Real servers, stopped and started under requests. Where they are not installed, nothing is shown.
"""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from dashboard.overview.processes import manage
from tests.conftest import running_sandbox
from tests.overview.servers import POSTGRES, REDIS, Postgres, Redis
from tests.removals.conftest import JSON, REMOVALS, subject
from tests.removals.house import TOKEN, House
from tests.waiting import WAIT, wait_until

pytestmark = pytest.mark.skipif(
    not (POSTGRES and REDIS), reason="redis-server and PostgreSQL are not installed"
)
PAGES = ("/readyz", REMOVALS, "/accounts/login/", "/teams/acme/", "/api/v1/teams/acme/accounts")
PASSWORD = {"login": "mel@example.com", "password": "not-it"}


class Visitors:
    """Somebody who opens a page every tenth of a second, and remembers how each was answered."""

    def __init__(self, house: House) -> None:
        self.house, self.seen = house, Counter()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._visit, args=(each,)) for each in PAGES]

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(WAIT)

    def _visit(self, path: str) -> None:
        while not self._over.wait(len(PAGES) / 10):
            answer = requests.get(
                f"http://127.0.0.1:{self.house.port}{path}",
                cookies=self.house.session.cookies.get_dict(),
                allow_redirects=False,
                timeout=WAIT,
            )
            self.seen[path, answer.status_code] += 1


@pytest.fixture
def servers(tmp_path) -> Iterator[tuple[Postgres, Redis]]:
    with tempfile.TemporaryDirectory() as folder:
        # PostgreSQL refuses to run as root, and pytest's own folders are its user's alone.
        Path(folder).chmod(0o755)
        postgres, redis = Postgres(Path(folder) / "pg"), Redis(tmp_path)
        postgres.start()
        redis.start()
        yield postgres, redis
        redis.stop()
        postgres.stop()


@pytest.fixture
def house(servers, tmp_path_factory) -> Iterator[House]:
    postgres, redis = servers
    folder = tmp_path_factory.mktemp("house")
    more = {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url, "LOG_LEVEL": "WARNING"}
    with running_sandbox(folder / "shed", model=folder / "none.onnx") as sandbox:
        house = House(folder, sandbox, more=more)
        house.run(manage("collectstatic", "--noinput"))
        yield house
        for process in house.processes:
            house.stop(process, how=signal.SIGKILL)
        house.session.close()


def ask(house, path, **options) -> requests.Response:
    return house.session.get(f"http://127.0.0.1:{house.port}{path}", timeout=WAIT, **options)


def ready(house) -> dict:
    return ask(house, "/readyz", headers=JSON).json()


def sign_in(house, accept) -> requests.Response:
    return requests.post(
        f"http://127.0.0.1:{house.port}/accounts/login/",
        data={**PASSWORD, "csrfmiddlewaretoken": TOKEN},
        cookies={"csrf": TOKEN},
        headers={"Accept": accept},
        timeout=WAIT,
    )


def silence(house) -> float:
    """Seconds since the worker was last heard from."""
    [line] = [
        line
        for line in ask(house, "/metrics").text.splitlines()
        if line.startswith("dashboard_worker_silence_seconds ")
    ]
    return float(line.split()[1])


def is_done(house, pk) -> bool:
    return ask(house, f"{REMOVALS}{pk}/status.json", headers=JSON).json()["state"] == "done"


def has_logged(house, words) -> bool:
    return words in (house.folder / "log.txt").read_text()


def test_r23_redis_away_then_back(house, servers):
    _, redis = servers
    house.web()
    worker = house.worker()
    wait_until(lambda: ready(house)["ready"], lambda: ready(house))

    with Visitors(house) as visitors:
        redis.stop()
        wait_until(lambda: ready(house)["queue"] == "no answer", lambda: ready(house))
        wait_until(lambda: has_logged(house, "found something away"), "a beat to notice")
        away = ready(house)
        refused = sign_in(house, "text/html")
        for_a_program = sign_in(house, "application/json")
        accepted = house.post(subject(), str(uuid4()))
        redis.start()
        wait_until(lambda: ready(house)["ready"], lambda: ready(house))
        pk = accepted.json()["id"]
        wait_until(lambda: is_done(house, pk), "the picture that was accepted meanwhile")

    assert (away["ready"], away["database"], away["worker"]) == (False, "ok", "ok")
    assert (away["queue"], away["cache"]) == ("no answer", "no answer")
    assert accepted.status_code == 201
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    assert "Redis does not answer." in refused.text
    assert for_a_program.json()["code"] == "redis_away"
    assert {status for _path, status in visitors.seen} <= {200, 302, 503}
    assert {path for path, status in visitors.seen if status == 503} == {"/readyz"}

    house.stop(worker)
    assert ready(house)["worker"] == "none is running", "a worker that stopped left a ghost"


def test_r23_the_database_away_then_back(house, servers):
    postgres, _ = servers
    house.web()
    house.worker()
    wait_until(lambda: ready(house)["ready"], lambda: ready(house))
    done = house.post(subject(), str(uuid4())).json()["id"]
    wait_until(lambda: is_done(house, done), "a picture")

    with Visitors(house) as visitors:
        postgres.stop()
        wait_until(lambda: ready(house)["database"] == "no answer", lambda: ready(house))
        wait_until(lambda: has_logged(house, "found something away"), "a beat to fail")
        page = ask(house, "/teams/acme/", headers={"Accept": "text/html"})
        program = ask(house, "/api/v1/teams/acme/accounts", headers=JSON)
        postgres.start()
        back = time.monotonic()
        wait_until(lambda: ready(house)["ready"], lambda: ready(house))
        # Written since then: the beat goes on.
        wait_until(lambda: silence(house) < time.monotonic() - back, lambda: silence(house))
        after = house.post(subject(), str(uuid4()))
        wait_until(lambda: is_done(house, after.json()["id"]), "a picture sent afterwards")

    assert (page.status_code, page.headers["Retry-After"]) == (503, "10")
    assert "The database does not answer." in page.text
    assert (program.status_code, program.json()["code"]) == (503, "database_away")
    assert {status for _path, status in visitors.seen} <= {200, 302, 503}
    assert is_done(house, done)
