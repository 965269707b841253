"""Encryption keys: wrong, missing, lost, rotated (K14-K19)."""

import base64
import stat
import threading
from io import StringIO

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection

from dashboard.keys import locks
from dashboard.keys.models import ApiKey, KeyCheck
from dashboard.lib.sealing import SealError, new_entry
from tests.conftest import NOON, add_key
from tests.keys.canary import CANARY

OLD = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
WRONG = "k1:" + base64.b64encode(b"w" * 32).decode()
NEW = new_entry("k2")


def rows():
    return [(row.kid, bytes(row.blob)) for row in ApiKey.objects.order_by("pk")]


def run(name, **options):
    out = StringIO()
    call_command(name, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


@pytest.fixture
def two(account):
    return [add_key(account, "sandbox-premium"), add_key(account, CANARY, "Blog")]


def test_nothing_is_locked_with_the_right_key_or_with_nothing_sealed(db, settings, request):
    assert locks.locked() is None
    request.getfixturevalue("two")
    assert locks.locked() is None


@pytest.mark.parametrize(
    ("configured", "sentence"),
    [
        pytest.param([WRONG], "encryption key does not match", id="K15-wrong"),
        pytest.param([NEW], "encryption key does not match", id="K19-restored-elsewhere"),
        pytest.param([NEW, WRONG], "encryption key does not match", id="K15-new-and-wrong"),
        pytest.param([], "no encryption key is configured", id="K16-missing"),
        pytest.param(["k1:broken"], "Entry 1 of ENCRYPTION_KEYS", id="K15-malformed"),
    ],
)
def test_all_are_locked_and_nothing_is_overwritten(
    client, two, alice, settings, configured, sentence
):
    before = rows()
    settings.ENCRYPTION_KEYS = configured
    client.force_login(alice)

    page = client.get("/teams/acme/keys/")
    deeds = [
        client.post(f"/teams/acme/keys/{two[0].pk}/test/"),
        client.post(f"/teams/acme/keys/{two[0].pk}/rename/", {"label": "X"}),
        client.get(f"/teams/acme/keys/{two[0].pk}/rename/"),
        client.post(f"/teams/acme/keys/{two[0].pk}/archive/"),
    ]

    assert page.status_code == 200
    assert sentence in page.content.decode()
    assert "Shop" in page.content.decode()
    for deed in deeds:
        assert deed.status_code == 503
        assert sentence in deed.content.decode()
    with pytest.raises((SealError, ValueError)):
        two[0].seal("sandbox-other")
    assert rows() == before
    assert not ApiKey.objects.exclude(unreadable_at=None).exists()

    settings.ENCRYPTION_KEYS = [OLD]
    assert locks.locked() is None
    assert [key.open() for key in ApiKey.objects.order_by("label")] == [CANARY, "sandbox-premium"]


def test_k15_a_wrong_key_under_a_known_id_seals_nothing_even_without_rows(two, settings):
    ApiKey.objects.all().delete()
    settings.ENCRYPTION_KEYS = [WRONG]

    with pytest.raises(SealError):
        ApiKey(team=two[0].team, account=two[0].account, label="x").seal("sandbox-new")
    assert "does not match" in locks.locked()


def test_k15_the_start_says_it(two, settings):
    settings.ENCRYPTION_KEYS = [WRONG]

    found = run_checks(databases=["default"])

    assert [message.id for message in found if message.id.startswith("keys.")] == ["keys.W001"]


@pytest.mark.parametrize(
    ("configured", "identity"),
    [
        (["nonsense"], "keys.E001"),
        ([NEW, "k2:" + base64.b64encode(b"x" * 32).decode()], "keys.E002"),
    ],
)
def test_a_malformed_setting_stops_the_start(settings, configured, identity):
    settings.ENCRYPTION_KEYS = configured

    assert identity in [message.id for message in run_checks()]


def test_k20_the_key_that_signs_sessions_is_no_encryption_key(settings):
    settings.SECRET_KEY = OLD.partition(":")[2]

    assert "keys.E003" in [message.id for message in run_checks()]


def test_k18_one_flipped_bit_locks_one_key_and_is_audited_once(client, two, alice, acme):
    kid, blob = two[0].kid, bytes(two[0].blob)
    flipped = blob[:-1] + bytes([blob[-1] ^ 1])
    ApiKey.objects.filter(pk=two[0].pk).update(blob=flipped)
    client.force_login(alice)

    first = client.get("/teams/acme/keys/").content.decode()
    assert acme.audit_entries.filter(action="key.unreadable").count() == 1
    client.get("/teams/acme/keys/")
    client.post(f"/teams/acme/keys/{two[0].pk}/test/")

    assert locks.locked() is None
    assert first.count("Locked") == 1
    assert "Enter the RemBG key again." in first
    entry = acme.audit_entries.get(action="key.unreadable")
    assert (entry.actor, entry.subject) == ("system", str(two[0]))
    assert ApiKey.objects.get(label="Blog").open() == CANARY
    assert ApiKey.objects.get(pk=two[0].pk).kid == kid


def test_k17_a_key_that_is_lost_can_be_entered_again(two, account, settings):
    settings.ENCRYPTION_KEYS = []
    entry = run("makekey", print=True, lost=True).strip()
    settings.ENCRYPTION_KEYS = [entry]

    key = ApiKey.objects.get(pk=two[0].pk)

    assert entry.startswith("k2:")
    assert locks.locked() is None
    assert "not configured" in locks.unreadable(key)
    key.replace("sandbox-premium", at=NOON)
    assert ApiKey.objects.get(pk=key.pk).open() == "sandbox-premium"
    settings.ENCRYPTION_KEYS = [entry, OLD]
    assert ApiKey.objects.get(label="Blog").open() == CANARY


def test_k16_makekey_makes_a_file_for_its_owner_alone_when_nothing_is_sealed(
    db, settings, tmp_path
):
    settings.ENCRYPTION_KEYS, settings.DATA_DIR = [], tmp_path

    run("makekey")

    made = tmp_path / "secrets" / "encryption_keys"
    settings.ENCRYPTION_KEYS = made.read_text().split(",")
    assert made.read_text().startswith("k1:")
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert "already" in run("makekey")


def test_k16_makekey_makes_none_where_the_old_one_is_needed(two, settings, tmp_path):
    settings.ENCRYPTION_KEYS, settings.DATA_DIR = [], tmp_path

    with pytest.raises(CommandError, match="Put the one they were sealed with"):
        run("makekey")

    assert not (tmp_path / "secrets").exists()


def test_makekey_never_replaces_a_file(two, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "encryption_keys").write_text(WRONG)
    settings.ENCRYPTION_KEYS = [WRONG]

    with pytest.raises(CommandError, match="exists"):
        run("makekey", lost=True)

    assert (tmp_path / "secrets" / "encryption_keys").read_text() == WRONG
    assert KeyCheck.objects.get().lost_at is None


def test_k14_reencrypt_moves_every_row_and_says_how_far_it_is(two, settings):
    settings.ENCRYPTION_KEYS = [NEW, OLD]

    dry = run("reencrypt", dry_run=True)
    assert [kid for kid, _blob in rows()] == ["k1", "k1"]
    real = run("reencrypt")
    again = run("reencrypt")

    assert dry == "0 of 2 rows on the new key (k2)\n"
    assert real.splitlines()[:2] == [
        "1 of 2 rows on the new key (k2)",
        "2 of 2 rows on the new key (k2)",
    ]
    assert again == "2 of 2 rows on the new key (k2)\n"
    settings.ENCRYPTION_KEYS = [NEW]
    assert locks.locked() is None
    assert [key.open() for key in ApiKey.objects.order_by("label")] == [CANARY, "sandbox-premium"]


def test_k14_stopped_in_the_middle_it_goes_on(two, settings):
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert ApiKey.objects.get(pk=two[0].pk).reseal()

    assert {key.open() for key in ApiKey.objects.all()} == {CANARY, "sandbox-premium"}
    assert run("reencrypt").splitlines()[-1] == "2 of 2 rows on the new key (k2)"


def test_k14_a_row_that_changed_meanwhile_is_not_overwritten(two, settings):
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    stale = ApiKey.objects.get(pk=two[0].pk)
    ApiKey.objects.get(pk=two[0].pk).replace("sandbox-newer", at=NOON)

    assert stale.reseal() is False

    assert ApiKey.objects.get(pk=two[0].pk).open() == "sandbox-newer"


def test_k14_reencrypt_says_when_a_row_stays_behind(two, settings):
    ApiKey.objects.filter(pk=two[0].pk).update(blob=b"x" * 40)
    settings.ENCRYPTION_KEYS = [NEW, OLD]

    with pytest.raises(CommandError, match="keep the old encryption keys"):
        run("reencrypt")

    assert ApiKey.objects.get(label="Blog").kid == "k2"


@pytest.mark.django_db(transaction=True)
def test_k14_readers_never_fail_while_rows_are_moved(two, settings):
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    done, failures, reads = threading.Event(), [], []

    def read():
        try:
            while not done.is_set():
                try:
                    reads.append([key.open() for key in ApiKey.objects.all()])
                except SealError as exc:
                    failures.append(exc)
        finally:
            connection.close()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(3, 9):
        settings.ENCRYPTION_KEYS = [new_entry(f"k{number}"), *settings.ENCRYPTION_KEYS]
        run("reencrypt")
    done.set()
    for reader in readers:
        reader.join()

    assert failures == []
    assert len(reads) > 3
