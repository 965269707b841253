"""The same RemBG key twice in a team is found by a fingerprint of its secret (K3)."""

import hmac
import threading
from hashlib import sha256
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from dashboard.keys.models import Account, ApiKey
from dashboard.lib.sealing import KeyRing, new_entry
from tests.conftest import add_key
from tests.keys.canary import CANARY

OLD, NEW = new_entry("k1"), new_entry("k2")


def same(team, secret):
    return ApiKey.objects.with_secret(team, secret).first()


def test_k3_the_same_key_in_the_team_is_found_with_one_query(
    acme, key, account, django_assert_num_queries
):
    other = add_key(account, CANARY, "Blog")

    with django_assert_num_queries(1):
        assert same(acme, CANARY) == other

    assert same(acme, "sandbox-premium") == key
    assert same(acme, CANARY.upper()) is None


def test_k3_another_teams_key_is_nobodys_business(acme, evil, account):
    mine = add_key(account, CANARY)
    assert same(evil, CANARY) is None

    theirs = add_key(evil.accounts.create(label="Theirs"), CANARY)

    assert mine.fingerprint != theirs.fingerprint


def test_k3_an_archived_key_is_no_hindrance_and_its_fingerprint_is_forgotten(acme, key):
    key.archive(at=key.added_at)

    assert same(acme, "sandbox-premium") is None
    assert ApiKey.objects.get().fingerprint == ""


def test_k3_a_replaced_key_is_found_by_its_new_secret_alone(acme, key):
    key.replace(CANARY, at=key.added_at)

    assert same(acme, CANARY) == key
    assert same(acme, "sandbox-premium") is None


def test_k18_a_key_that_does_not_open_any_more_is_still_found(acme, key):
    ApiKey.objects.update(blob=b"x" * 40)

    assert same(acme, "sandbox-premium") == key


def test_k3_the_database_refuses_the_same_secret_twice_in_a_team(account, key):
    with transaction.atomic(), pytest.raises(IntegrityError):
        add_key(account, "sandbox-premium", "Again")


@pytest.mark.django_db(transaction=True)
def test_k3_of_two_who_add_the_same_key_at_once_one_is_refused(acme):
    account = Account.objects.create(team=acme, label="Main")
    start, outcomes = threading.Barrier(2), []

    def add(label):
        start.wait()
        try:
            add_key(account, CANARY, label)
            outcomes.append("added")
        except IntegrityError:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=add, args=(label,)) for label in ("One", "Two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["added", "refused"]
    assert ApiKey.objects.count() == 1


def test_a1_nobody_tests_a_guess_without_an_encryption_key(acme, account, settings):
    stored = add_key(account, CANARY).fingerprint
    guesses = [CANARY, f"{acme.pk}|{CANARY}", f"{acme.pk}|apikey|{CANARY}"]
    known = ["", str(acme.pk), settings.SECRET_KEY, KeyRing.parse([OLD]).keys[0][1].hex()]

    made = [hmac.digest(by.encode(), guess.encode(), "sha256") for by in known for guess in guesses]
    made += [sha256(guess.encode()).digest() for guess in guesses]

    assert stored not in [one.hex() for one in made]
    ring = KeyRing.parse([OLD])
    assert stored not in ring.fingerprints(CANARY, place=f"{acme.pk}|apikey").values()


@pytest.fixture
def rotated(settings, account):
    """A key that was sealed with the old encryption key, and the new one in front of it."""
    settings.ENCRYPTION_KEYS = [OLD]
    key = add_key(account, CANARY)
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    return key


def test_k14_a_key_is_found_before_while_and_after_encryption_keys_are_rotated(
    acme, rotated, settings
):
    assert same(acme, CANARY) == rotated
    call_command("reencrypt", stdout=StringIO())
    assert same(acme, CANARY) == rotated
    settings.ENCRYPTION_KEYS = [NEW]

    assert same(acme, CANARY) == rotated
    assert ApiKey.objects.get().fingerprint != rotated.fingerprint


@pytest.mark.parametrize("command", ["setup", "reencrypt"])
def test_k3_a_key_of_an_older_release_gets_its_fingerprint(acme, rotated, command, settings):
    ApiKey.objects.update(fingerprint="")
    assert same(acme, CANARY) is None

    call_command(command, stdout=StringIO())

    assert same(acme, CANARY) == rotated
    assert ApiKey.objects.get().kid == ("k1" if command == "setup" else "k2")


def test_k3_two_rows_of_one_secret_from_an_older_release_stay_and_both_move(acme, rotated, account):
    ApiKey.objects.update(fingerprint="")
    add_key(account, CANARY, "Twice")
    ApiKey.objects.update(fingerprint="")

    call_command("reencrypt", stdout=StringIO())

    found = list(ApiKey.objects.order_by("label"))
    assert [key.open() for key in found] == [CANARY, CANARY]
    assert sorted(bool(key.fingerprint) for key in found) == [False, True]
    assert {key.kid for key in found} == {"k2"}


def test_k18_one_that_does_not_open_is_left_without(acme, rotated):
    ApiKey.objects.update(fingerprint="", blob=b"x" * 40)

    call_command("setup", stdout=StringIO())

    assert ApiKey.objects.get().fingerprint == ""
