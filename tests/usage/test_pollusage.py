"""The command: a line an account, one bad does not stop the round."""

import io

import pytest
from django.core.management import CommandError, call_command

from dashboard.keys.models import Account
from dashboard.usage.models import Snapshot
from tests.conftest import add_key
from tests.usage.conftest import Answer, usage


def run(*arguments):
    """Return the exit message, standard output and standard error of a round."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("pollusage", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        return str(error), out.getvalue(), err.getvalue()
    return "", out.getvalue(), err.getvalue()


def test_each_account_is_a_line(wire, key, account):
    failure, out, err = run()

    assert (failure, err) == ("", "")
    assert out == f"{account.pk} Main: 9,200 of 18,500 included credits left, 2,000 prepaid\n"


def test_one_bad_account_does_not_stop_the_round(wire, key, account, acme):
    bad = Account.objects.create(team=acme, label="A bad one")
    add_key(bad, "a-bad-key", "Bad")
    wire.say = lambda query, secret: (
        Answer({"error": "invalid api key"}, 401) if secret == "a-bad-key" else Answer(usage())
    )

    failure, out, err = run()

    assert failure == "1 of the accounts could not be read."
    assert "Main: 9,200" in out and "A bad one: invalid api key" in err
    assert "a-bad-key" not in out + err


def test_only_one_account_is_read_when_named(wire, key, account, acme):
    other = Account.objects.create(team=acme, label="Other")
    add_key(other, "other-key", "Other")

    run("--account", str(other.pk))

    assert set(Snapshot.objects.values_list("account", flat=True)) == {other.pk}


@pytest.mark.django_db
def test_an_account_that_does_not_exist_is_an_error():
    failure, _, _ = run("--account", "00000000-0000-4000-8000-000000000000")

    assert "There is no active account" in failure
