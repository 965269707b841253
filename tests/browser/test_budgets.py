"""Budgets in the browser: a member at the limit is told so, an admin raises it, he goes on."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo, provokes, violations
from tests.browser.deeds import choose, file_row, go, in_state, picture, remove
from tests.browser.people import Person, fresh, signed_up


@pytest.fixture
def colleague(demo: Demo, newcomer: Person) -> Iterator[Person]:
    """A member of the newcomer's team, which has a key."""
    newcomer.add_key(fresh("sandbox-budget"), "Shop")
    with signed_up(demo.url, "colleague") as person:
        members = f"{newcomer.team}members/"
        data = {"email": person.email, "role": "member"}
        shown = newcomer.post(f"{members}invite/", form=members, **data)
        [link] = set(re.findall(r"/invitations/[\w-]{20,}/", shown.text))
        person.post(link)
        yield person


def test_a_member_at_the_limit_is_told_so_and_goes_on_once_it_is_raised(visit, newcomer, colleague):
    admin = visit(newcomer, f"{newcomer.team}members/")
    admin.get_by_role("row", name="colleague").get_by_role("link", name="Set budget").click()
    admin.get_by_label("Stop at").fill("1")
    admin.get_by_role("button", name="Save").click()
    expect(admin.locator(".toast")).to_have_text("Budget saved.")
    expect(admin.get_by_role("row", name="colleague")).to_contain_text("0 of 1")

    page = visit(colleague, f"{newcomer.team}removals/")
    line = page.locator("#own-budget")
    expect(line).to_contain_text("0 of 1 credit of your budget used until")
    remove(page, picture("mug.jpg"))
    expect(line).to_contain_text("Your budget is used up: 1 of 1 credit.")
    provokes(page, "429 (Too Many Requests)")
    choose(page, picture("vase.jpg"))
    go(page)
    refused = file_row(page, "vase.jpg")
    in_state(refused, "failed")
    expect(refused).to_contain_text("an owner or admin of the team can raise it")

    admin.goto(f"{newcomer.team}budgets/")
    admin.get_by_role("link", name="Edit").click()
    admin.get_by_label("Stop at").fill("5")
    admin.get_by_role("button", name="Save").click()

    refused.get_by_role("button", name="Try again").click()
    in_state(refused, "done")
    expect(line).to_contain_text("2 of 5 credits of your budget used until")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_budgets_are_readable_for_everybody(visit, theme, width):
    page = visit("admin", "/teams/demo/members/", theme=theme, width=width)
    fits(page)
    page.get_by_role("row", name="Mia Member").get_by_role("link", name="Edit").click()
    expect(page.get_by_role("heading", name="Budget of Mia Member")).to_be_visible()
    fits(page)

    page.goto("/teams/demo/budgets/")
    expect(page.locator("main")).to_contain_text("Mia Member")
    fits(page)


def fits(page: Page) -> None:
    """See that nobody is kept out, and that nothing scrolls sideways."""
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
