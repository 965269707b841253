"""Keys at rest: A1, A2, K5 (database, log, exceptions), K20."""

import logging
import os
import subprocess
import sys
import traceback
import uuid

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from dashboard.keys import testing
from dashboard.keys.models import ApiKey
from dashboard.lib.logs import JsonFormatter
from dashboard.lib.sealing import DoesNotOpen, KeyRing, Sealed, SealError, new_entry
from dashboard.rembg.errors import RembgError
from dashboard.teams.models import Team
from tests.conftest import NOON, ROOT, add_key
from tests.keys.canary import CANARY, leaks


def test_a1_the_database_holds_no_key_in_clear(account):
    add_key(account, CANARY)

    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            rows = cursor.fetchall()
            assert leaks(repr(rows)) == []
            assert leaks(b"".join(bytes(v) for row in rows for v in row if _is_binary(v))) == []
    assert ApiKey.objects.get().open() == CANARY


def _is_binary(value):
    return isinstance(value, (bytes, memoryview))


WRITER = """
import sys, django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from dashboard.keys.models import Account, ApiKey
from dashboard.rembg.errors import RembgError
from dashboard.teams.models import Team
team = Team.objects.create(name="Acme", slug="acme")
key = ApiKey(team=team, account=Account.objects.create(team=team, label="Main"), label="Shop")
key.seal(sys.argv[1])
key.save()
assert key.reseal()
key.rename("Shop 2")
print("written", flush=True)
sys.stdin.read()
"""


def test_a1_neither_the_file_nor_its_log_of_writes_holds_it(tmp_path):
    environment = {
        **os.environ,
        "DATA_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "DJANGO_SETTINGS_MODULE": "dashboard.settings",
    }
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, CANARY],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout.readline() == "written\n"

    # The writer's connection is open: what it wrote last is in the write-ahead log.
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    writer.communicate()

    assert {"db.sqlite3", "db.sqlite3-wal"} <= {path.name for path in files}
    assert b"Shop 2" in b"".join(files.values())
    assert [path for path, content in files.items() if leaks(content)] == []


def swap(first, second):
    """Exchange the ciphertexts of two rows, as someone who can write the database would."""
    rows = ApiKey.objects.in_bulk([first.pk, second.pk])
    ApiKey.objects.filter(pk=first.pk).update(kid=rows[second.pk].kid, blob=rows[second.pk].blob)
    ApiKey.objects.filter(pk=second.pk).update(kid=rows[first.pk].kid, blob=rows[first.pk].blob)


def test_a2_swapped_rows_do_not_open_and_nothing_is_sent(sandbox, account, evil):
    mine = add_key(account, "sandbox-premium")
    other_account = evil.accounts.create(label="Theirs")
    theirs = add_key(other_account, "sandbox-calendar")

    swap(mine, theirs)

    for key in ApiKey.objects.all():
        with pytest.raises(SealError):
            key.open()
        refusal = testing.test_key(key, at=NOON)
        assert refusal.title == "The key does not open"
        assert key.accepted_at is None


IDS = st.integers(min_value=1, max_value=5)
PLACES = st.tuples(IDS, st.integers(min_value=0, max_value=20))


@given(st.lists(PLACES, min_size=2, max_size=6, unique=True), st.data())
def test_a2_no_ciphertext_opens_in_any_other_place(places, data):
    ring = KeyRing.parse([new_entry("k2"), new_entry("k1")])
    keys = [ApiKey(id=uuid.UUID(int=number), team_id=team, label="x") for team, number in places]
    sealed = [ring.seal(f"secret-{index}", place=key.place) for index, key in enumerate(keys)]

    source, target = data.draw(st.permutations(range(len(keys))))[:2]

    assert ring.open(sealed[source], place=keys[source].place) == f"secret-{source}"
    with pytest.raises(DoesNotOpen):
        ring.open(sealed[source], place=keys[target].place)
    with pytest.raises(DoesNotOpen):
        ring.open(Sealed("k1", sealed[source].blob), place=keys[source].place)


@pytest.mark.parametrize(
    "name",
    [
        "Kanarienvogel91",
        "fault-bad_key",
        "fault-unverified",
        "fault-rate_short",
        "fault-html",
        "fault-reset",
        "fault-redirect",
        "fault-garbage",
        "fault-no_such_fault",
    ],
)
def test_k5_whatever_rembg_says_no_log_line_holds_the_key(sandbox, account, name, caplog):
    secret = f"sandbox-{name}"
    for logger in ("", "urllib3", "requests"):
        caplog.set_level(logging.DEBUG, logger=logger)
    key = add_key(account, secret)

    refusal = testing.test_key(key, at=NOON)

    assert "membership-usage" in caplog.text or name == "fault-reset"
    formatter = JsonFormatter()
    lines = [formatter.format(record) for record in caplog.records]
    assert leaks("\n".join(lines) + caplog.text + repr(caplog.records), secret) == []
    assert leaks(repr(refusal) + str(refusal), secret) == []


@pytest.mark.parametrize("name", ["bad_key", "unverified", "rate_short", "reset", "redirect"])
def test_a4_no_exception_holds_the_key(sandbox, account, name):
    secret = f"sandbox-fault-{name}"
    key = add_key(account, secret)

    with pytest.raises(RembgError) as caught:
        key.client().usage()

    told = "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None
    assert leaks(repr(caught.value) + str(caught.value) + str(caught.value.args), secret) == []
    assert leaks(told, secret) == []


@pytest.mark.parametrize("bad", ["with space", "line\nbreak", "umlaut-ü", "short", ""])
def test_k2_a_key_that_slipped_in_malformed_is_not_quoted_by_the_client(account, bad):
    key = add_key(account, f"{CANARY}{bad}" if bad not in ("short", "") else "short")

    refusal = testing.test_key(key, at=NOON)

    assert refusal.title == "This does not look like a RemBG key"
    assert leaks(repr(refusal)) == []


def test_a1_no_repr_shows_it(account):
    key = add_key(account, CANARY)

    assert leaks(repr(key) + str(key) + repr(key.client()) + repr(vars(key))) == []
    assert str(key) == "Shop (…l=91)"


def test_k20_another_secret_key_leaves_keys_readable(account, settings):
    key = add_key(account, CANARY)

    settings.SECRET_KEY = "quite-another-one" * 4

    assert ApiKey.objects.get(pk=key.pk).open() == CANARY


def test_a_team_s_keys_go_with_it(account, acme):
    add_key(account, CANARY)

    Team.objects.get(pk=acme.pk).delete()

    assert not ApiKey.objects.exists()
