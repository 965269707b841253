"""Every row of the contract's error table through the gateway: whoever decides, the words hold."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from dashboard.keys.models import ApiKey
from dashboard.removals.models import Removal, Spending
from dashboard.sandbox.errors import TABLE
from tests.conftest import add_key
from tests.gateway.conftest import PICTURE, issued
from tests.keys.canary import leaks
from tests.rembg.refused import FIELDS
from tests.rembg.samples import header_png


@dataclass
class Sent:
    """What is sent so that the gateway itself refuses it."""

    image: bytes | None = PICTURE
    name: str = "cat.png"
    fields: dict[str, Any] = field(default_factory=dict)


def too_large() -> Sent:
    return Sent(PICTURE + bytes(round(55.2 * 1024 * 1024) - len(PICTURE)))


OURS = {
    "no_image": Sent(None, fields={"format": "png"}),
    "no_file": Sent(b"", ""),
    "file_type": Sent(b"MZ\x90", "a.exe"),
    "signature": Sent(b"<svg><script>alert(1)</script></svg>"),
    "empty_file": Sent(b""),
    "file_size": too_large(),
    "too_wide": Sent(header_png(12000, 10)),
    "too_tall": Sent(header_png(10, 15000)),
    **{row: Sent(fields=fields) for row, fields in FIELDS.items()},
}
# What only RemBG can know, and two rows that it may still give for a reason of its own.
THEIRS = ["rate_short", "rate_daily", "rate_monthly", "format", "too_wide"]
REFUSED = "The team's RemBG key was refused. An admin sees on the keys page what to do."
NOT_VERIFIED = (
    "RemBG refused the team's key: the e-mail address of its account is not verified. "
    "An admin sees on the keys page what to do."
)
ABOUT_OUR_KEY = {"bad_key": REFUSED, "unverified": NOT_VERIFIED, "two_credentials": REFUSED}


def post(gateway, secret, sent):
    """`requests` leaves an empty name out, so the form is written by hand."""
    if sent.name:
        return gateway.call(secret, sent.image, name=sent.name, **sent.fields)
    body = b'--X\r\nContent-Disposition: form-data; name="image"; filename=""\r\n\r\n\r\n--X--\r\n'
    return gateway.send(secret, body)


@pytest.fixture
def capped(mine, key):
    """A key with a cap, so that a reservation that is kept is seen."""
    return issued(mine, hard=3)[1]


def assert_shape(answer, status, sentence, code):
    document = answer.json()
    assert document.pop("request_id") == answer.headers["X-Request-Id"]
    assert document == {"error": sentence, "status": status, "code": code}
    assert answer.status_code == status
    assert answer.headers["X-Credits-Charged"] == "0"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_the_table_has_22_rows_and_all_are_here():
    assert len(TABLE) == 22
    assert set(TABLE) == {*OURS, *THEIRS, *ABOUT_OUR_KEY}


@pytest.mark.parametrize("row", OURS)
def test_rows_that_the_gateway_decides_cost_nothing_and_reach_nobody(
    gateway, stage, sandbox, capped, row
):
    answer = post(gateway, capped, OURS[row])

    assert_shape(answer, TABLE[row].status, TABLE[row].sentence, row)
    assert "Retry-After" not in answer.headers
    assert not stage.bodies
    assert sandbox.ledger("sandbox-premium") == []
    assert not Removal.objects.exists()
    assert not Spending.objects.filter(taken__gt=0).exists()


@pytest.mark.parametrize("row", THEIRS)
def test_rows_that_rembg_decides_come_in_its_own_words_and_cost_nothing(
    gateway, stage, sandbox, account, mine, row
):
    add_key(account, f"sandbox-fault-{row}")
    _, secret = issued(mine, hard=3)

    answer = gateway.call(secret)

    assert_shape(answer, TABLE[row].status, TABLE[row].sentence, row)
    assert answer.headers.get("Retry-After") == ("7" if row == "rate_short" else None)
    assert len(stage.bodies) == 1
    assert sandbox.ledger(f"sandbox-fault-{row}") == []
    assert Removal.objects.get().charged == "no"
    assert Spending.objects.get().taken == 0


@pytest.mark.parametrize("row", ABOUT_OUR_KEY)
def test_what_is_wrong_with_the_teams_key_is_not_the_callers_business(
    gateway, stage, account, mine, row
):
    ours = add_key(account, f"sandbox-fault-{row}")
    _, secret = issued(mine, hard=3)

    answer = gateway.call(secret)

    assert_shape(answer, 502, ABOUT_OUR_KEY[row], "keys_refused")
    assert not leaks(answer.content, f"sandbox-fault-{row}")
    assert ApiKey.objects.get(pk=ours.pk).refusals == 1
    assert Spending.objects.get().taken == 0


def test_our_own_key_is_refused_in_the_words_of_the_table(gateway, stage, secret):
    answer = gateway.call("rbk_" + "0" * 49)

    assert_shape(answer, TABLE["bad_key"].status, TABLE["bad_key"].sentence, "bad_key")
    assert not stage.bodies


def test_p11_several_wrong_fields_are_all_named(gateway, stage, capped):
    answer = gateway.call(capped, w="abc", angle="500", format="gif")

    said = answer.json()
    assert (answer.status_code, said["status"]) == (400, 400)
    assert said["error"] == "Multiple validation errors"
    assert said["code"] == "invalid_fields"
    assert {(each["field"], each["message"]) for each in said["details"]} == {
        ("w", "'w' must be an integer, got: 'abc'"),
        ("angle", "'angle' must be between -360 and 360 degrees, got: 500.0"),
        ("format", "Invalid format 'gif'. Allowed formats: PNG, JPEG, WEBP, BMP"),
    }
    assert not stage.bodies
