"""Shared links in the browser: an admin makes one, a visitor looks, a wall keeps itself fresh."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import UNREACHABLE, provokes, violations
from tests.browser.deeds import charts_drawn

SHARING = "/teams/demo/sharing/"
MINUTE = 60_000


def shared(visit, what: str, name: str = "Link") -> str:
    """Make a link as the admin, and return the path that opens it."""
    page = visit("admin", SHARING)
    page.get_by_label("What it shows").select_option(label=what)
    page.get_by_role("button", name="Make link").click()
    address = page.locator(".field", has_text=name).locator(".secret code").first.inner_text()
    assert violations(page) == []
    return "/shared/" + address.split("/shared/")[1].replace("\n", "")


def test_a_visitor_sees_the_shared_chart_drawn(visit):
    path = shared(visit, "Production: This cycle")

    for theme, width in (("light", 1440), ("dark", 390)):
        page = visit(None, path, theme=theme, width=width)
        charts_drawn(page, "shared")
        expect(page.get_by_role("heading", name="Production")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(page) == []


def test_a_wall_refreshes_itself_says_when_it_cannot_and_ends_with_its_link(visit):
    path = shared(visit, "Overview: totals and accounts", "For a screen on the wall")
    wall = visit(None, "/healthz", theme="dark", width=1920)
    provokes(wall, "favicon.ico")  # That address is for machines, and names no icon.
    wall.clock.install()
    wall.goto(path)
    late = wall.locator("[data-late]")
    expect(wall.get_by_text("Spendable now")).to_be_visible()
    expect(late).to_be_hidden()
    assert violations(wall) == []

    with wall.expect_response(re.compile(r"\?kiosk$")) as refreshed:
        wall.clock.run_for(MINUTE)
    assert refreshed.value.status == 200
    expect(late).to_be_hidden()

    provokes(wall, *UNREACHABLE)
    wall.route("**/shared/**", lambda route: route.abort())
    wall.clock.run_for(3 * MINUTE)
    expect(late).to_be_visible()
    expect(late).to_contain_text("could not be refreshed since")

    wall.unroute("**/shared/**")
    admin = visit("admin", SHARING)
    hint = path.split("/")[2][-4:]
    admin.get_by_role("row", name=f"rbs_…{hint}").get_by_role("button", name="Revoke").click()
    admin.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(admin.locator(".toast")).to_have_text("Link revoked.")
    provokes(wall, "404")
    wall.clock.run_for(MINUTE)
    expect(wall.get_by_role("heading", name="Nothing here")).to_be_visible()
