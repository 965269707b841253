"""What people type into the key form (K1, K2, K13)."""

import pytest

from dashboard.keys.forms import ApiKeyForm
from dashboard.lib.redaction import redact
from tests.keys.canary import CANARY, leaks

NOT_A_KEY = "This does not look like a RemBG key."


def form(team, secret, label="Shop"):
    return ApiKeyForm({"label": label, "secret": secret}, team=team)


@pytest.mark.parametrize(
    "around",
    ["{}\n", "\r\n{}", "  {}  ", "\t{}", "\N{NO-BREAK SPACE}{}", "\ufeff{}", "\u200b{}\u200b"],
)
def test_k1_outer_white_space_is_taken_away(acme, around):
    filled = form(acme, around.format(CANARY))

    assert filled.is_valid()
    assert filled.cleaned_data["secret"] == CANARY


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param(f"x-api-key: {CANARY}", id="K1-with-its-header"),
        pytest.param(f"{CANARY} {CANARY}", id="K1-two"),
        pytest.param(f"{CANARY[:9]}\n{CANARY[9:]}", id="K1-line-break"),
        pytest.param(f"{CANARY}\x00", id="K1-nul"),
        pytest.param(f"“{CANARY}”", id="K1-curly-quotes"),
        pytest.param(CANARY * 400, id="K2-10-KB"),
        pytest.param(f"🔑{CANARY}", id="K2-emoji"),
        pytest.param("short", id="K2-short"),
    ],
)
def test_what_cannot_be_a_key_is_refused_without_an_echo(acme, typed):
    filled = form(acme, typed)

    assert filled.errors["secret"] == [NOT_A_KEY]
    assert leaks(str(filled) + str(filled.errors) + repr(filled)) == []


def test_k2_an_empty_key_is_asked_for(acme):
    assert form(acme, "").errors["secret"] == ["This field is required."]


def test_k2_a_wrong_label_does_not_bring_the_key_back(acme):
    filled = form(acme, CANARY, label="")

    assert not filled.is_valid()
    assert leaks(str(filled)) == []


def test_k5_what_was_typed_is_hidden_from_logs_from_then_on(acme):
    form(acme, CANARY).is_valid()

    assert CANARY not in redact(f"something quotes {CANARY}")


def test_k13_the_field_is_kept_from_password_managers(acme):
    shown = str(ApiKeyForm(team=acme)["secret"])

    for attribute in (
        'type="password"',
        'autocomplete="new-password"',
        'spellcheck="false"',
        "data-1p-ignore",
        'data-lpignore="true"',
    ):
        assert attribute in shown


def test_a_label_is_used_once_a_team(acme, key, evil):
    assert form(acme, CANARY).errors["label"] == ["The team has a key with this label already."]
    assert form(evil, CANARY).is_valid()
