"""Writers take turns (issue of the gateway's tail): first come, first served, in all processes."""

import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction

from dashboard.lib.queued_sqlite3 import base
from dashboard.lib.queued_sqlite3.queue import WriteQueue
from tests.waiting import WAIT, wait_until


@pytest.fixture
def connect(tmp_path, django_db_blocker):
    """Open connections to a database of the test's own."""
    opened = []

    def connect(timeout=WAIT):
        options = {
            "transaction_mode": "IMMEDIATE",
            "timeout": timeout,
            "init_command": "PRAGMA journal_mode=WAL",
        }
        settings = {**connections[DEFAULT_DB_ALIAS].settings_dict}
        settings |= {"NAME": str(tmp_path / "db.sqlite3"), "OPTIONS": options}
        opened.append(base.DatabaseWrapper(settings, DEFAULT_DB_ALIAS))
        return opened[-1]

    django_db_blocker.unblock()
    first = connect()
    with first.cursor() as cursor:
        cursor.execute("CREATE TABLE lines (number integer PRIMARY KEY, who text)")
    yield connect
    for one in opened:
        one.inc_thread_sharing()
        one.close()
    django_db_blocker.restore()


def begin(connection):
    connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def end(connection, *, how="commit"):
    getattr(connection, how)()
    if how != "close":
        connection.set_autocommit(True)


def insert(connection, who):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO lines (who) VALUES (%s)", [who])


def written(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT who FROM lines ORDER BY number")
        return [who for (who,) in cursor.fetchall()]


def later(connect, who, queue_length):
    """Write in a thread that is known to wait; return the thread."""

    def write():
        connection = connect()
        insert(connection, who)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def test_writers_are_served_in_the_order_in_which_they_came(connect, tmp_path):
    holder = connect()
    begin(holder)
    queue = base.queue_of(str(tmp_path / "db.sqlite3"))
    threads = []
    for number in range(8):
        threads.append(later(connect, str(number), number))
        wait_until(lambda number=number: len(queue._waiting) == number + 1, "a waiting writer")

    insert(holder, "first")
    end(holder)
    for thread in threads:
        thread.join()

    assert written(holder) == ["first", *map(str, range(8))]


@pytest.mark.parametrize("how", ["commit", "rollback", "close"])
def test_the_turn_ends_with_the_transaction_however_that_ends(connect, how):
    one, other = connect(), connect(timeout=0.05)
    begin(one)
    insert(one, "one")
    with pytest.raises(OperationalError, match="locked"):
        insert(other, "other")

    end(one, how=how)

    insert(other, "other")
    assert written(other) == (["one", "other"] if how == "commit" else ["other"])


def test_the_turn_ends_with_a_statement_that_fails(connect):
    one, other = connect(), connect(timeout=0.05)
    with pytest.raises(OperationalError), one.cursor() as cursor:
        cursor.execute("INSERT INTO nothing VALUES (1)")

    insert(other, "other")


def test_readers_wait_for_nobody(connect):
    one, other = connect(), connect(timeout=0.05)
    begin(one)

    assert written(other) == []
    end(one)


def test_r4_another_programs_lock_is_waited_for_no_longer_in_all(connect, tmp_path):
    """Those behind in the queue have waited already when their turn comes."""
    stranger = sqlite3.connect(tmp_path / "db.sqlite3", isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    refused = []

    def write():
        began = time.monotonic()
        with pytest.raises(OperationalError, match="locked"):
            insert(connect(timeout=3), "other")
        refused.append(time.monotonic() - began)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stranger.execute("ROLLBACK")
    stranger.close()

    assert len(refused) == 4
    connection = connect()
    insert(connection, "after")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (round(WAIT * 1000),)


HOLD = """
import sys, time
from pathlib import Path
from dashboard.lib.queued_sqlite3.queue import WriteQueue
queue = WriteQueue(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    assert queue.enter(60)
    print("in", flush=True)
    time.sleep(float(sys.argv[3]))
    queue.leave()
"""


def other_process(path, *, times, seconds):
    command = [sys.executable, "-c", HOLD, str(path), str(times), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_r22_a_process_that_waits_comes_before_one_that_has_just_written(tmp_path):
    path = tmp_path / "db"
    queue = WriteQueue(path)
    other = other_process(path, times=20, seconds=0)
    ours = 0
    while other.poll() is None:
        assert queue.enter(WAIT)
        ours += 1
        time.sleep(0.002)
        queue.leave()

    assert other.returncode == 0
    assert other.stdout.read().count(b"in") == 20
    other.stdout.close()


def test_r1_the_turn_of_a_process_that_was_killed_is_free(tmp_path):
    path = tmp_path / "db"
    other = other_process(path, times=1, seconds=WAIT)
    assert other.stdout.readline() == b"in\n"
    queue = WriteQueue(path)
    assert not queue.enter(0.05)

    other.send_signal(signal.SIGKILL)
    other.wait()
    other.stdout.close()

    assert queue.enter(WAIT)
    queue.leave()


def test_the_product_uses_it(transactional_db):
    if connections[DEFAULT_DB_ALIAS].vendor != "sqlite":
        pytest.skip("PostgreSQL has many writers")
    queue = base.queue_of(str(connections[DEFAULT_DB_ALIAS].settings_dict["NAME"]))

    with transaction.atomic():
        assert queue._is_taken
    assert not queue._is_taken
