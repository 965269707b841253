"""Caps hold however many call at once (SAFETY R7, K11): nobody is granted what is not there."""

from dashboard.removals.models import Removal, Spending
from tests.gateway.conftest import at_once, issued

SENTENCE = "The budget of this key for this cycle is used up: 5 credits."


def test_r7_of_forty_calls_at_once_a_cap_of_five_grants_five(gateway, sandbox, mine, key):
    _, secret = issued(mine, hard=5)

    answers = at_once(40, lambda _: gateway.call(secret))

    granted = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert (len(granted), len(refused)) == (5, 35)
    assert len(sandbox.ledger("sandbox-premium")) == 5
    assert Removal.objects.count() == 5
    assert Spending.objects.get().taken == 5
    assert all(0 <= int(answer.headers["X-Budget-Remaining"]) <= 4 for answer in granted)
    for answer in refused:
        said = answer.json()
        assert said["error"].startswith(SENTENCE)
        assert said["error"].endswith("an owner or admin of the team can raise it.")
        assert (said["status"], said["code"]) == (429, "over_budget")
        assert answer.headers["X-Credits-Charged"] == "0"
        assert "Retry-After" not in answer.headers
