"""Pages that ask by themselves how things stand: they take nothing out of anybody's hands."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Response, Route, expect

from tests.browser.conftest import Demo
from tests.browser.deeds import picture
from tests.browser.people import Person, fresh, signed_up


@pytest.fixture(scope="module")
def waiting(demo: Demo) -> Iterator[tuple[Person, str]]:
    """Somebody whose picture waits for RemBG for as long as these tests run, and its page."""
    with signed_up(demo.url, "waiting") as person:
        person.add_key(fresh("sandbox-fault-rate_short"), "Busy", anyway="on")
        with open(picture("mug.jpg"), "rb") as image:
            files = {"image": ("waits.jpg", image, "image/jpeg")}
            path = f"{person.team}removals/"
            answer = person.post(path, files=files, format="png", nonce=fresh("once"))
        yield person, answer.url.removeprefix(demo.url)


def held(page: Page, path: str, is_meant: Callable[[str], bool]) -> list[Route]:
    """Hold back the answers to what htmx asks at a path; return the list of those held."""
    kept: list[Route] = []

    def hold(route: Route) -> None:
        asked = "hx-request" in route.request.headers and is_meant(route.request.url)
        kept.append(route) if asked else route.fallback()

    page.route(re.compile(re.escape(path) + r"(\?|$)"), hold)
    return kept


def refreshed(page: Page) -> None:
    """Wait until the list has asked by itself and has been answered."""
    with page.expect_response(by_itself):
        pass


def by_itself(answer: Response) -> bool:
    """Whether this answers the list, and not what somebody chose."""
    return answer.request.headers.get("hx-trigger", "").startswith("recent")


def test_a_choice_is_not_lost_to_a_list_that_is_refreshed_meanwhile(visit, waiting):
    person, _ = waiting
    path = f"{person.team}removals/"
    page = visit(person, path)
    chosen = held(page, path, lambda url: "state=done" in url)
    expect(page.locator("#recent tbody tr")).to_have_count(1)

    page.get_by_label("State").select_option("done")
    refreshed(page)
    [route] = chosen
    route.continue_()

    expect(page.locator("#recent")).to_contain_text("Nothing fits")
    expect(page.get_by_label("State")).to_have_value("done")


def test_a_list_is_refreshed_without_its_filters_which_somebody_may_hold(visit, waiting):
    person, _ = waiting
    path = f"{person.team}removals/"
    page = visit(person, path)
    page.locator("#recent form").evaluate("(form) => { form.dataset.kept = 'yes'; }")
    page.locator("#recent tbody").evaluate("(body) => { body.dataset.old = 'yes'; }")

    refreshed(page)

    expect(page.locator("#recent tbody[data-old]")).to_have_count(0)
    expect(page.locator("#recent tbody tr")).to_have_count(1)
    expect(page.locator("#recent form")).to_have_attribute("data-kept", "yes")
