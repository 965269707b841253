"""The page: for everybody to read, with snippets of the present values."""

import re

import pytest
from django.urls import reverse

from dashboard.reference.snippets import LANGUAGES

PAGE = "/reference/"


def text(answer) -> str:
    return answer.content.decode()


def snippet(client, endpoint: str, **values: str) -> str:
    answer = client.get(f"/reference/snippets/{endpoint}/", values)
    assert answer.status_code == 200
    return re.search(r"<code id=[^>]+>(.*?)</code></pre>", text(answer), re.DOTALL)[1]


def test_whoever_is_not_signed_in_reads_and_cannot_send(client, db):
    page = client.get(PAGE)

    assert page.status_code == 200
    for part in ("/rmbg", "/api/membership-usage", "/api/openapi", "over_budget"):
        assert part in text(page)
    assert "data-lender" not in text(page)
    assert text(page).count("data-run") == 1  # The document needs no key.
    assert f"{reverse('account_login')}?next={PAGE}" in text(page)


def test_no_two_things_of_the_page_have_one_name(client, alice):
    client.force_login(alice)

    names = re.findall(r'\sid="([^"]+)"', text(client.get(PAGE)))

    assert sorted(names) == sorted(set(names))


def test_who_is_signed_in_keeps_the_rail_of_the_last_team(client, alice):
    client.force_login(alice)
    client.get("/teams/acme/")

    page = text(client.get(PAGE))

    assert 'href="/teams/acme/removals/"' in page


def test_a_team_that_one_has_left_is_not_shown(client, alice, acme):
    client.force_login(alice)
    client.get("/teams/acme/")
    alice.memberships.all().delete()

    page = text(client.get(PAGE))

    assert "Acme" not in page
    assert "place as a member" in page


def test_a_viewer_is_told_why_nothing_can_be_sent(client, victor):
    client.force_login(victor)

    page = text(client.get(PAGE))

    assert "data-lender" not in page
    assert "a viewer spends no credits" in page


def test_the_page_says_the_address_of_this_site(client, db, settings):
    settings.SITE_URL = "https://pictures.example"

    page = text(client.get(PAGE))

    assert "curl https://pictures.example/rmbg" in page
    assert "https://pictures.example/api/membership-usage" in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_snippet_follows_the_values(client, db, language):
    code = snippet(
        client,
        "rmbg",
        language=language,
        image="shoe.png",
        size="1234",
        format="png",
        w="640",
        **{"Idempotency-Key": "order-7"},
    )

    for value in ("shoe.png", "png", "640", "Idempotency-Key", "order-7"):
        assert value in code


def test_what_is_empty_is_not_sent(client, db):
    code = snippet(client, "rmbg", language="curl", w="", mask="true")

    assert "mask=true" in code
    assert "w=" not in code


def test_a_question_has_its_values_in_the_address(client, db):
    code = snippet(client, "membership-usage", language="curl", year="2026", month="3")

    assert "/api/membership-usage?year=2026&amp;month=3" in code


def test_wrong_values_stay_so_that_one_can_see_the_error(client, db):
    assert "w=abc" in snippet(client, "rmbg", language="curl", w="abc")


def test_a_value_that_is_too_long_to_repeat_is_left_out(client, db):
    assert "x" * 201 not in snippet(client, "rmbg", bg_color="x" * 201)


def test_values_are_text_and_never_markup(client, db):
    evil = "<script>alert(1)</script>"

    page = client.get(PAGE, {"w": evil, "image": evil})
    part = client.get("/reference/snippets/rmbg/", {"w": evil, "image": evil})

    assert evil not in text(page)
    assert evil not in text(part)
    assert "&lt;script&gt;alert(1)" in text(part)


def test_without_scripts_the_form_brings_the_page_with_its_values(client, db):
    page = text(client.get(PAGE, {"language": "python", "w": "640"}))

    assert "requests.post(" in page
    assert 'value="640"' in page


@pytest.mark.parametrize("language", ["", "cobol", "x" * 500])
def test_a_language_that_is_not_known_is_the_first_one(client, db, language):
    assert snippet(client, "rmbg", language=language).startswith("curl ")


def test_a_snippet_of_something_else_is_not_there(client, db):
    assert client.get("/reference/snippets/something-else/").status_code == 404


def test_the_page_asks_the_database_little_however_many_keys(
    client, alice, acme, django_assert_max_num_queries
):
    client.force_login(alice)
    client.get("/teams/acme/")

    with django_assert_max_num_queries(8):
        client.get(PAGE)
