"""A quick person: what they do before the scripts of a page are there waits for them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Demo, provokes
from tests.browser.deeds import carried, choose, file_row, go, in_state, picture
from tests.browser.people import Person, fresh, signed_up
from tests.browser.test_meanwhile import let_go

HTMX = re.compile(r"/htmx-2\.min[^/]*\.js$")  # Every script of ours waits for it.
PASTE = """(clipboardData) => document.body.dispatchEvent(
  new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))"""


class Slow:
    """A page whose scripts have not come yet."""

    def __init__(self, page: Page, path: str) -> None:
        self.page = page
        self.kept: list[Route] = []
        page.route(HTMX, lambda route: self.kept.append(route))
        page.goto(path, wait_until="commit")

    def go_on(self) -> None:
        """Let the scripts come."""
        let_go(self.page, self.kept)
        self.page.wait_for_load_state()


@pytest.fixture
def slow(visit):
    """Open a page as somebody: it stands, and its scripts wait for `go_on`."""

    def opened(who: Person | str, path: str) -> Slow:
        return Slow(visit(who, "about:blank"), path)

    return opened


@pytest.fixture(scope="module")
def shop(demo: Demo) -> Iterator[Person]:
    """Somebody who can remove backgrounds; `key` pays."""
    with signed_up(demo.url, "quick") as person:
        person.key = fresh("sandbox-quick")
        person.account = person.add_key(person.key, "Shop")
        yield person


def production(people: dict[str, Person]) -> str:
    """Return the path of the demo's first account."""
    accounts = people["viewer"].get("/api/v1/teams/demo/accounts").json()["accounts"]
    return f"/teams/demo/accounts/{accounts[0]['id']}/"


def test_a_cycle_chosen_at_once_is_shown(slow, people):
    early = slow("viewer", production(people))
    page = early.page

    page.locator(".picker select").select_option(index=3)
    wanted = page.locator(".picker select").input_value()
    early.go_on()

    expect(page.locator("#h-cycle")).to_contain_text("Past cycle")
    expect(page).to_have_url(re.compile(f"cycle={wanted}$"))


@pytest.mark.parametrize(
    ("path", "label"), [("removals/", "State"), ("audit/", "Action"), ("virtual-keys/", "Member")]
)
def test_a_filter_chosen_at_once_is_asked(slow, path, label):
    early = slow("admin", f"/teams/demo/{path}")
    page, picked = early.page, early.page.get_by_label(label)

    picked.select_option(index=1)
    wanted = picked.input_value()
    early.go_on()

    expect(page).to_have_url(re.compile(f"={re.escape(wanted)}(&|$)"))
    expect(picked).to_have_value(wanted)


def test_a_day_chosen_at_once_is_shown(slow, people):
    early = slow("viewer", f"{production(people)}days/?span=30")
    page = early.page
    day = datetime.now(UTC).date() - timedelta(days=3)

    page.get_by_label("Hours of").fill(day.isoformat())
    early.go_on()

    expect(page.locator("#use").get_by_role("link", name="Back to days")).to_be_visible()
    expect(page.get_by_label("Hours of")).to_have_value(day.isoformat())


def test_a_deed_that_destroys_asks_however_early_it_is_pressed(slow, shop):
    early = slow(shop, f"{shop.team}keys/")
    page = early.page

    page.get_by_label("Actions for Shop").click()
    page.get_by_role("button", name="Archive").click()
    early.go_on()

    expect(page.locator("dialog[open] h2")).to_have_text("Archive “Shop”?")
    page.locator("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator("#keys tbody tr")).to_have_count(1)
    expect(page.get_by_role("button", name="Test now")).to_be_enabled()


def test_a_source_opened_at_once_is_told(slow, people):
    early = slow("viewer", production(people))
    page = early.page
    figure = page.locator(".figure", has_text="Included credits left")

    figure.get_by_label("Where this number comes from").click()
    expect(figure.locator(".source-open")).to_be_visible()
    early.go_on()

    expect(figure.locator(".menu-panel")).to_contain_text("GET /api/membership-usage")
    expect(figure.locator(".menu-panel")).to_have_css("position", "fixed")


def test_a_picture_chosen_and_sent_at_once_is_one_removal(slow, demo, shop):
    before = shop.charges(demo.sandbox, shop.key)
    early = slow(shop, f"{shop.team}removals/")
    page = early.page
    sent = []
    page.on("request", lambda request: sent.append(request.method))

    choose(page, picture("mug.jpg"))
    page.get_by_role("button", name="White", exact=True).click()
    go(page)
    expect(page.locator("[data-upload-go]")).to_have_attribute("aria-busy", "true")
    early.go_on()

    in_state(file_row(page, "mug.jpg"), "done")
    expect(page.locator("[data-asked]")).to_have_text("PNG, same size, on white")
    expect(page.locator("[data-upload-go]")).not_to_have_attribute("aria-busy", "true")
    assert sent.count("POST") == 1
    assert shop.charges(demo.sandbox, shop.key) == before + 1


def test_pictures_dropped_and_pasted_at_once_are_taken(slow, shop):
    early = slow(shop, f"{shop.team}removals/")
    page = early.page

    dropped = {"dataTransfer": carried(page, picture("lamp.jpg"))}
    page.dispatch_event("[data-upload-drop]", "drop", dropped)
    page.evaluate(PASTE, carried(page, picture("vase.jpg")))
    early.go_on()

    expect(page.locator(".file-row")).to_have_count(2)
    in_state(file_row(page, "lamp.jpg"), "ready")
    in_state(file_row(page, "vase.jpg"), "ready")


def test_an_angle_and_a_colour_turned_to_at_once_are_asked(slow, shop):
    early = slow(shop, f"{shop.team}removals/")
    page = early.page

    page.get_by_label("Angle in degrees", exact=True).fill("30")
    page.get_by_label("Another colour").fill("#ff0000")
    early.go_on()

    asked = page.locator("[data-asked]")
    expect(asked).to_have_text("PNG, same size, on #ff0000, turned by 30°")
    expect(page.get_by_label("Angle in degrees", exact=True)).to_have_value("30")


def test_a_request_sent_at_once_carries_the_sample_picture(slow, demo, shop):
    before = shop.charges(demo.sandbox, shop.key)
    early = slow(shop, "/reference/")
    page = early.page

    page.locator("#rmbg-w").fill("200")
    page.get_by_role("button", name="Use a sample picture").click()
    page.locator("#rmbg [data-run]").click()
    early.go_on()

    shown = page.locator("[data-answer=rmbg] figure")
    expect(shown).to_contain_text("200 × 150 px")
    expect(page).to_have_url(re.compile("/reference/$"))
    expect(page.locator("#code-rmbg")).to_contain_text("w=200")
    assert shop.charges(demo.sandbox, shop.key) == before + 1


def test_buttons_that_need_a_script_do_it_once_it_is_there(slow, shop, demo):
    early = slow(shop, "/reference/")
    page = early.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=demo.url)

    page.get_by_role("button", name="Copy the host").click()
    page.locator(".rail .person summary").click()
    page.locator(".rail").get_by_role("button", name="Dark").click()
    early.go_on()

    expect(page.locator(".toast")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == demo.url
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_view_of_a_result_chosen_at_once_is_shown(slow):
    # One of the demo's own: of a call to the API, which may be the newest, no picture is kept.
    page = slow("viewer", "/teams/demo/removals/?source=form&state=done").page
    path = page.locator("#recent tbody a", has_text="sneaker.jpg").first
    early = slow("viewer", path.get_attribute("href"))
    page = early.page

    page.get_by_role("button", name="Mask").click()
    page.get_by_role("button", name="Full size").click()
    early.go_on()

    expect(page.locator("[data-compare]")).to_have_attribute("data-view", "mask")
    expect(page.locator("[data-compare]")).to_have_class(re.compile("zoomed"))


def test_where_htmx_does_not_come_a_choice_has_its_button(visit, people):
    page = visit("viewer", "about:blank")
    provokes(page, "ERR_FAILED")
    page.route(HTMX, lambda route: route.abort())
    page.goto(production(people))

    page.locator(".picker select").select_option(index=3)
    page.locator(".picker").get_by_role("button", name="Show").click()

    expect(page.locator("#h-cycle")).to_contain_text("Past cycle")
