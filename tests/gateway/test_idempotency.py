"""The same Idempotency-Key is the same call (promises R18): answered again, never charged again."""

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.db.models import F
from django.test import Client

from dashboard.removals.models import Removal, State
from tests.gateway.conftest import ANSWER, PICTURE, at_once, issued
from tests.removals.conftest import subject

AGAIN = {"Idempotency-Key": "order-4711"}
OTHER_PICTURE = subject(size=(61, 45))


def patiently(call):
    """Call again as long as the answer says that it is worth it, and after the pause it names."""
    answer = call()
    while answer.status_code in (409, 503):
        assert answer.status_code == 503 or answer.json()["code"] == "in_progress"
        time.sleep(int(answer.headers["Retry-After"]))
        answer = call()
    return answer


def refuse(scene):
    """Say no as RemBG does, which costs nothing."""
    scene.take()
    said = {"error": "Image is too dark", "status": 400}
    scene.give(json.dumps(said).encode(), 400, "application/json")


def fall_silent(scene):
    """Take the picture and close without a word."""
    scene.take()


def test_r18_a_hundred_calls_at_once_are_one(gateway, stage, sandbox, secret):
    answers = at_once(100, lambda _: patiently(lambda: gateway.call(secret, headers=AGAIN)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["X-Credits-Charged"] for answer in answers} == {"1"}
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert len(stage.bodies) == len(sandbox.ledger("sandbox-premium")) == 1
    assert Removal.objects.get().state == State.DONE


def test_r18_a_cap_of_one_does_not_refuse_the_replays(gateway, sandbox, mine, key):
    _, secret = issued(mine, hard=1)

    answers = at_once(12, lambda _: patiently(lambda: gateway.call(secret, headers=AGAIN)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(sandbox.ledger("sandbox-premium")) == 1
    assert gateway.call(secret).json()["code"] == "over_budget"


@pytest.mark.parametrize(
    "other",
    [{"image": OTHER_PICTURE}, {"w": 30}, {"format": "png"}],
    ids=["picture", "field", "format"],
)
def test_r18_another_request_under_the_same_key_is_refused(gateway, stage, secret, other):
    gateway.call(secret, headers=AGAIN)

    answer = gateway.call(secret, **other, headers=AGAIN)

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_mismatch")
    assert answer.headers["X-Credits-Charged"] == "0"
    assert len(stage.bodies) == 1


def test_r18_while_the_first_call_runs_the_second_is_told_to_wait(
    transactional_db, stage, secret, settings, files_here
):
    settings.REMBG_API_URL = stage.url
    settings.IDEMPOTENCY_WAIT_SECONDS = 0.2

    def call():
        try:
            image = {"image": SimpleUploadedFile("cat.png", PICTURE)}
            return Client().post("/rmbg", image, headers={"x-api-key": secret, **AGAIN})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with stage.holding():
            first = pool.submit(call)
            stage.wait_for(1)
            second = call()
        assert b"".join(first.result().streaming_content) == ANSWER

    said = second.json()
    assert (second.status_code, said["status"], said["code"]) == (409, 409, "in_progress")
    assert int(second["Retry-After"]) >= 1
    assert second["X-Credits-Charged"] == "0"
    assert len(stage.bodies) == 1


def test_r18_a_call_that_waits_long_enough_gets_the_first_ones_picture(gateway, stage, secret):
    with ThreadPoolExecutor(2) as pool:
        with stage.holding():
            both = [pool.submit(gateway.call, secret, headers=AGAIN) for _ in range(2)]
            stage.wait_for(1)
            time.sleep(0.5)
        answers = [each.result() for each in both]

    assert [answer.content for answer in answers] == [ANSWER, ANSWER]
    assert len(stage.bodies) == 1


def test_r18_an_unknown_outcome_is_told_again_and_not_tried_again(gateway, stage, secret):
    stage.play = fall_silent
    first = gateway.call(secret, headers=AGAIN)

    second = gateway.call(secret, headers=AGAIN)

    assert (first.status_code, second.status_code) == (502, 502)
    assert second.json() == first.json()
    assert second.headers["X-Credits-Charged"] == "unknown"
    assert "Idempotent-Replayed" in second.headers
    assert len(stage.bodies) == 1


@pytest.mark.parametrize("image", [PICTURE, OTHER_PICTURE], ids=["same", "other"])
def test_r18_what_cost_nothing_may_be_tried_again(gateway, stage, sandbox, secret, image):
    stage.play = refuse
    assert gateway.call(secret, headers=AGAIN).status_code == 400
    stage.clear()

    answer = gateway.call(secret, image, headers=AGAIN)

    assert answer.status_code == 200
    assert "Idempotent-Replayed" not in answer.headers
    assert len(sandbox.ledger("sandbox-premium")) == 1


@pytest.mark.parametrize(("hours", "calls"), [(23.9, 1), (24, 2)])
def test_r18_after_24_hours_the_key_is_new(gateway, stage, secret, hours, calls):
    gateway.call(secret, headers=AGAIN)
    Removal.objects.update(queued_at=F("queued_at") - timedelta(hours=hours))

    answer = gateway.call(secret, headers=AGAIN)

    assert answer.status_code == 200
    assert len(stage.bodies) == calls


def test_r18_two_virtual_keys_do_not_collide(gateway, stage, mine, secret):
    _, other = issued(mine, "Another")

    answers = [gateway.call(each, headers=AGAIN) for each in (secret, other)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(stage.bodies) == 2


def test_r18_a_picture_that_is_not_kept_any_more_is_not_paid_for_again(gateway, stage, secret):
    gateway.call(secret, headers=AGAIN)
    for result in (gateway.folder / "files" / "results").rglob("*.webp"):
        result.unlink()

    answer = gateway.call(secret, headers=AGAIN)

    assert (answer.status_code, answer.json()["code"]) == (410, "gone")
    assert len(stage.bodies) == 1


def test_r18_a_picture_that_could_not_be_kept_is_answered_and_not_paid_for_again(
    gateway, stage, secret
):
    folder = gateway.folder / "files" / "results"
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("in the way")
    try:
        first = gateway.call(secret, headers=AGAIN)
        second = gateway.call(secret, headers=AGAIN)
    finally:
        folder.unlink()

    assert (first.status_code, first.headers["X-Credits-Charged"]) == (200, "1")
    assert (second.status_code, second.json()["code"]) == (410, "gone")
    assert len(stage.bodies) == 1


@pytest.mark.parametrize(
    "text", ["", "x" * 256, "tab\there", "naïve"], ids=["empty", "long", "tab", "8bit"]
)
def test_r18_a_key_that_cannot_be_kept_is_refused(gateway, stage, secret, text):
    answer = gateway.call(secret, headers={"Idempotency-Key": text.encode("latin-1")})

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key")
    assert not stage.bodies
