"""`python manage.py issuekey`: the secret alone on standard output, everything else beside it."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from dashboard.gateway.models import VirtualKey
from dashboard.keys.models import Account
from dashboard.lib import tokens

WHO = ("acme", "mel@example.com", "--label", "CI")


def issued(*arguments):
    out, err = StringIO(), StringIO()
    call_command("issuekey", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_k12_it_prints_the_secret_alone(acme, account, mel):
    out, err = issued(
        *WHO, "--cap", "500", "--soft", "400", "--tag", "shop", "--account", "Main", "--days", "3"
    )

    secret = out.removesuffix("\n")
    key = VirtualKey.objects.select_related("budget").get()
    assert tokens.looks_valid(secret, "rbk")
    assert key.digest == tokens.digest(secret)
    assert secret not in err
    assert (key.member, key.tag, key.account) == ("Mel", "shop", account)
    assert (key.budget.soft, key.budget.hard) == (400, 500)
    assert key.expires_at - key.created_at == timedelta(days=3)
    entry = acme.audit_entries.get(action="virtual_key.issued")
    assert (entry.actor, entry.user) == ("system", None)
    assert secret not in str(entry.details)


def test_without_more_it_has_no_cap_no_tag_and_no_expiry(acme, mel):
    issued(*WHO)

    key = VirtualKey.objects.select_related("budget").get()
    assert (key.tag, key.account, key.expires_at) == ("", None, None)
    assert (key.budget.soft, key.budget.hard) == (None, None)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nowhere", "mel@example.com", "--label", "CI"), "There is no team nowhere."),
        (
            ("acme", "nobody@example.com", "--label", "CI"),
            "nobody@example.com is not in team acme.",
        ),
        (("acme", "mallory@example.com", "--label", "CI"), "mallory@example.com is not in team"),
        (("acme", "victor@example.com", "--label", "CI"), "is a viewer of team acme"),
        ((*WHO, "--account", "Evil Corp"), "Team acme has no account Evil Corp."),
        ((*WHO, "--cap", "0"), "--cap: "),
        ((*WHO, "--cap", "many"), "--cap: Enter a whole number."),
        ((*WHO, "--cap", "5", "--soft", "9"), "--soft: The warning must come before the stop."),
        ((*WHO, "--days", "0"), "--days: from 1 to 3650."),
        ((*WHO, "--days", "99999999"), "--days: from 1 to 3650."),
        (("acme", "mel@example.com", "--label", "x" * 81), "--label: "),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_issued(
    acme, evil, mel, victor, mallory, arguments, sentence
):
    Account.objects.create(team=evil, label="Evil Corp")

    with pytest.raises(CommandError) as told:
        issued(*arguments)

    assert sentence in str(told.value)
    assert told.value.returncode == 1
    assert not VirtualKey.objects.exists()


def test_run_again_it_says_that_the_key_is_there(acme, mel):
    issued(*WHO)

    with pytest.raises(CommandError, match="with this label already"):
        issued(*WHO)
