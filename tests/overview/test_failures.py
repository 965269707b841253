"""What people see when something went wrong: own words, no version, no path (O9)."""

import pytest


@pytest.mark.parametrize("path", ["/nothing-here", "/teams/acme/nothing", "/api/v1/nothing"])
def test_o9_a_page_that_is_not_there_says_so_without_echoing_the_path(client, alice, path):
    client.force_login(alice)

    answer = client.get(path)

    assert answer.status_code == 404
    assert path not in answer.text.replace(f'action="{path}"', "")
    assert "Django" not in answer.text


def test_t2_a_member_without_the_right_gets_403_in_plain_words(client, alice, victor):
    client.force_login(victor)

    answer = client.get("/teams/acme/keys/add/")

    assert answer.status_code == 403
    assert "Your role in this team does not include this." in answer.text


def test_o9_programs_get_json(client, alice):
    answer = client.get("/api/v1/nothing", headers={"Accept": "application/json"})

    assert answer.json()["status"] == 404


@pytest.mark.parametrize("header", ["X-Request-Id"])
def test_a_request_id_is_given_back_but_never_a_forged_one(client, db, header):
    assert client.get("/healthz", headers={header: "abcdef-123"})[header] == "abcdef-123"
    assert "\n" not in client.get("/healthz", headers={header: "a b\n<script>"})[header]
    assert "<" not in client.get("/healthz", headers={header: "a b<script>"})[header]


def test_a_request_for_the_wire_that_nobody_understands_is_answered_in_its_shape(client, settings):
    answer = client.get("/api/membership-usage", headers={"host": "two,hosts"})

    assert answer.status_code == 400
    assert answer["X-Credits-Charged"] == "0"
    assert answer.json()["code"] == "bad_request"
    assert answer.json()["request_id"] == answer["X-Request-Id"]
