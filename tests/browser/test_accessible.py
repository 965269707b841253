"""Every page for everybody: axe-core finds nothing, and nothing scrolls sideways."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Demo, provokes, violations
from tests.browser.deeds import (
    at_rest,
    carried,
    charts_drawn,
    choose,
    file_row,
    go,
    in_state,
    picture,
)
from tests.browser.people import Person, fresh, signed_up

NOT_SIDEWAYS = "() => document.documentElement.scrollWidth === innerWidth"
PREMIUM = "sandbox-premium"
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
FAULTS = {
    "Upset": "sandbox-fault-size_type",
    "Cut": "sandbox-fault-truncated",
    "Small": "sandbox-fault-degraded",
}


def check(page: Page, *, everywhere: bool = False) -> None:
    """See that a page is fit for everybody: wide and light, and dark on a phone.

    What every page has around it, and the elements that numbers are shown with, are looked at in
    both themes and widths `everywhere`.
    """
    looks = [("light", DESK), ("dark", PHONE)]
    looks += [("dark", DESK), ("light", PHONE)] if everywhere else []
    found = {}
    for theme, size in looks:
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size(size)
        at_rest(page)
        if size is PHONE:
            page.wait_for_function(NOT_SIDEWAYS)  # Charts shrink a moment later.
        found[theme, size["width"]] = violations(page)
    assert found == dict.fromkeys(found, [])


@dataclass
class World:
    """A team in which something of each kind has happened, and the addresses of its pages."""

    owner: Person
    accounts: dict[str, str]
    removals: dict[str, str] = field(default_factory=dict)
    invitation: str = ""

    @property
    def team(self) -> str:
        """Return the path of the team."""
        return self.owner.team


@pytest.fixture(scope="module")
def world(demo: Demo) -> Iterator[World]:
    """Make the team: accounts good and faulty, a twin, a removal in each state, an invitation."""
    with signed_up(demo.url, "world") as owner:
        keys = {"Good": fresh("sandbox-world"), "Main": PREMIUM, "Twin": f"{PREMIUM}-2"}
        keys |= {label: fresh(fault) for label, fault in FAULTS.items()}
        found = {label: owner.add_key(key, label, anyway="on") for label, key in keys.items()}
        world = World(owner, found)
        page = owner.get(f"{owner.team}removals/").text
        accounts = dict(re.findall(r'<option value="([0-9a-f-]{36})">(\w+)<', page))
        wanted = {"done": "Good", "failed": "Upset", "unknown": "Cut", "degraded": "Small"}
        for state, label in wanted.items():
            pk = next(key for key, value in accounts.items() if value == label)
            with open(picture("mug.jpg"), "rb") as image:
                files = {"image": (f"{state}.jpg", image, "image/jpeg")}
                answer = owner.post(
                    f"{owner.team}removals/", files=files, account=pk, format="png", nonce=state
                )
            assert answer.history, answer.text[:3000]
            world.removals[state] = answer.url.removeprefix(demo.url)
        invited = owner.post(
            f"{owner.team}members/invite/",
            form=f"{owner.team}members/",
            email="friend@people.example",
            role="member",
        ).text
        world.invitation = re.search(r"/invitations/[^/\s\"<]+/", invited)[0]
        yield world


FRONT = ["accounts/login/", "accounts/signup/", "accounts/password/reset/"]


@pytest.mark.parametrize("path", FRONT)
def test_the_front_door_is_accessible(visit, path):
    check(visit(None, f"/{path}"))


def test_the_front_door_is_accessible_with_errors_too(visit):
    page = visit(None, "/accounts/login/")
    page.locator("[name=login]").fill("nobody@people.example")
    page.locator("[name=password]").fill("not-the-password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".notice.bad")).to_be_visible()
    check(page)


DEMO_PAGES = {
    "overview": "",
    "accounts": "accounts/",
    "keys": "keys/",
    "members": "members/",
    "audit": "audit/",
    "removals": "removals/",
}


@pytest.mark.parametrize("path", [pytest.param(v, id=k) for k, v in DEMO_PAGES.items()])
def test_a_page_of_the_demo_is_accessible(visit, path):
    check(visit("owner", f"/teams/demo/{path}"), everywhere=path in ("", "removals/"))


def account_of_the_demo(page: Page) -> str:
    """Return the address of the first account."""
    page.goto("/teams/demo/")
    return page.locator("h3 a").first.get_attribute("href")


def past_cycle(page: Page) -> None:
    """Open the third cycle from now."""
    page.goto(account_of_the_demo(page))
    page.locator(".picker select").select_option(index=3)
    expect(page.locator("#h-cycle")).to_contain_text("Past cycle")


def account_ahead(page: Page) -> None:
    """Open the account's page with its forecast, its days, and a number's formula."""
    page.goto(account_of_the_demo(page))
    expect(page.locator("#use-chart canvas")).to_be_visible()
    page.locator(".outlook .source summary").first.click()
    expect(page.locator(".outlook .menu-panel").first).to_contain_text("256 futures")


def statement(page: Page) -> None:
    """Open the statement of the running cycle."""
    page.goto("/teams/demo/statements/")
    page.locator("tbody th a").first.click()
    expect(page.get_by_role("heading", name="Summary")).to_be_visible()


def days_as_a_table(page: Page) -> None:
    """Open 90 days with their table, and then the day before yesterday's source."""
    page.goto(account_of_the_demo(page) + "days/?span=90")
    page.get_by_text("Show as table").click()
    expect(page.locator("tbody th a").first).to_be_visible()


def source_of_a_day(page: Page) -> None:
    """Open what a day was made from."""
    days_as_a_table(page)
    page.locator("tbody th a").nth(2).click()
    expect(page.get_by_text("Last reading before it")).to_be_visible()


def below(path: str) -> Callable[[Page], None]:
    """Return what opens a page below the account's."""
    return lambda page: page.goto(account_of_the_demo(page) + path)


def shared(what: str, query: str = "") -> Callable[[Page], None]:
    """Return what shares something and opens it."""

    def opened(page: Page) -> None:
        page.goto("/teams/demo/sharing/")
        page.get_by_label("What it shows").select_option(label=what)
        page.get_by_role("button", name="Make link").click()
        address = page.locator(".secret code").first.inner_text().replace("\n", "")
        page.goto(address + query)

    return opened


def reading(page: Page) -> None:
    """Open the newest reading."""
    page.goto(account_of_the_demo(page) + "readings/")
    page.locator("tbody a").first.click()
    expect(page.locator("pre.code")).to_be_visible()


def account_with_everything_open(page: Page) -> None:
    """Open the account's page, its table twins and a number's source."""
    page.goto(account_of_the_demo(page))
    charts_drawn(page, "burn-down", "use-chart", "cycles-stripe", "months")
    for summary in page.get_by_text("Show as table").all():
        summary.click()
    page.locator(".figure summary").first.click()
    expect(page.locator(".menu-panel pre")).to_be_visible()


OPENED: dict[str, Callable[[Page], None]] = {
    "account": account_with_everything_open,
    "past-cycle": past_cycle,
    "statement": statement,
    "compare-3": below("compare/?last=3"),
    "days-90-as-a-table": days_as_a_table,
    "readings": lambda page: page.goto(account_of_the_demo(page) + "readings/"),
    "reading": reading,
}


NUMBERS: dict[str, Callable[[Page], None]] = {
    "account-ahead": account_ahead,
    "days-30": below("days/?span=30"),
    "source-of-a-day": source_of_a_day,
    "hours-48": below("days/?span=48"),
    "hours-of-a-day": below("days/?day=2020-01-01"),
    "compare-12": below("compare/?last=12"),
    "side-by-side": lambda page: page.goto("/teams/demo/compare/"),
    "statements": lambda page: page.goto("/teams/demo/statements/"),
    "prices": lambda page: page.goto("/teams/demo/statements/prices/"),
    "sharing": lambda page: page.goto("/teams/demo/sharing/"),
    "shared-overview": shared("Overview: totals and accounts"),
    "shared-cycle": shared("Production: This cycle"),
    "shared-cycles": shared("Production: Every cycle"),
    "kiosk": shared("Overview: totals and accounts", "?kiosk"),
}


@pytest.mark.parametrize("opened", [pytest.param(v, id=k) for k, v in NUMBERS.items()])
def test_a_page_of_numbers_is_accessible(visit, opened):
    page = visit("owner", "/teams/")
    opened(page)
    check(page)


@pytest.mark.parametrize("opened", [pytest.param(v, id=k) for k, v in OPENED.items()])
def test_a_page_of_an_account_is_accessible_on_any_screen_in_both_themes(visit, opened):
    page = visit("owner", "/teams/")
    opened(page)
    check(page, everywhere=True)


WORLD_PAGES = {
    "teams": "/teams/",
    "overview-with-trouble": "{team}",
    "keys-with-trouble": "{team}keys/",
    "account-without-history": "{Good}",
    "account-never-read": "{Cut}",
    "account-with-a-twin": "{Twin}",
    "rename-account": "{Good}rename/",
    "add-key": "{team}keys/add/",
    "removals-with-failures": "{team}removals/",
    "removal-done": "{done}",
    "removal-failed": "{failed}",
    "removal-unknown": "{unknown}",
    "removal-degraded": "{degraded}",
    "invitation": "{invitation}",
    "nothing-here": "/teams/nobody/",
    "change-password": "/accounts/password/change/",
    "sign-out": "/accounts/logout/",
}


@pytest.mark.parametrize("path", [pytest.param(v, id=k) for k, v in WORLD_PAGES.items()])
def test_a_page_of_a_busy_team_is_accessible(visit, world, path):
    places = {"team": world.team, "invitation": world.invitation}
    page = visit(world.owner, path.format(**places, **world.accounts, **world.removals))
    if path in ("{invitation}", "/teams/nobody/"):
        provokes(page, page.url)
    if re.search("/removals/.", page.url):
        ended = page.locator("[data-compare], .notice.bad, .notice.warn").first
        expect(ended).to_be_visible()
    check(page)


def test_an_invitation_is_accessible_to_those_who_are_not_signed_in(visit, world):
    page = visit(None, world.invitation)
    expect(page.get_by_role("link", name="Create account")).to_be_visible()
    check(page)


def test_a_page_beyond_a_role_is_accessible(visit):
    page = visit("viewer", "/teams/demo/keys/add/")
    provokes(page, "403 (Forbidden)")
    expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
    check(page)


def test_the_forms_of_a_key_are_accessible_with_errors_too(visit, world):
    page = visit(world.owner, f"{world.team}keys/")
    provokes(page, "422 (Unprocessable")
    row = page.locator("tr", has_text="Good")
    row.get_by_label("Actions for").click()
    row.get_by_role("link", name="Rename").click()
    page.get_by_label("Label").fill("Upset")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator(".field-error")).to_be_visible()
    check(page)

    page.goto(f"{world.team}keys/")
    row.get_by_label("Actions for").click()
    row.get_by_role("link", name="Replace").click()
    page.get_by_label("RemBG key", exact=True).fill("two words")
    page.get_by_role("button", name="Replace key").click()
    expect(page.locator(".field-error")).to_be_visible()
    check(page)

    page.goto(f"{world.team}keys/add/")
    page.get_by_label("Label").fill("Another")
    page.get_by_label("RemBG key", exact=True).fill("sandbox-fault-bad_key")
    page.get_by_role("button", name="Add key").click()
    expect(page.locator(".notice.bad")).to_be_visible()
    check(page)


def test_a_fresh_token_is_shown_accessibly(visit, world):
    page = visit(world.owner, f"{world.team}settings/")
    page.get_by_label("Label").fill(fresh("report"))
    page.get_by_role("button", name="Issue token").click()
    expect(page.locator(".secret")).to_be_visible()
    check(page)


def cut_uploads(route: Route) -> None:
    """Cut the connection of what is sent, and of nothing else."""
    if route.request.method == "POST":
        route.abort("connectionreset")
    else:
        route.fallback()


def test_the_list_of_uploads_is_accessible_with_a_row_in_each_state(visit, world, tmp_path):
    page = visit(world.owner, f"{world.team}removals/")
    provokes(page, "400 (Bad Request)", "ERR_CONNECTION_RESET")
    words = tmp_path / "words.png"
    words.write_text("Not a picture.")
    page.get_by_label("Paid by").select_option(label="Good")

    choose(page, str(words))
    go(page)
    in_state(file_row(page, "words.png"), "failed")
    choose(page, picture("mug.jpg"))
    go(page)
    in_state(file_row(page, "mug.jpg"), "done")
    page.route("**/status.json", lambda route: None)  # It is never said how this one goes.
    choose(page, picture("sneaker.jpg"))
    go(page)
    in_state(file_row(page, "sneaker.jpg"), "queued")
    # Not the whole network: the list asks by itself how the other one goes, and would complain.
    page.route("**/removals/", cut_uploads)
    choose(page, picture("vase.jpg"))
    go(page)
    in_state(file_row(page, "vase.jpg"), "broken")
    page.unroute("**/removals/", cut_uploads)
    held = page.context.new_cdp_session(page)
    held.send("Network.enable")
    held.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 2000},
    )
    choose(page, *[picture(name) for name in ("apple.jpg", "lamp.jpg", "vase.jpg")])
    page.evaluate(
        """(carried) => {
          carried.items.add(new File([new Uint8Array(52428801)], 'huge.png'));
          document.querySelector('[data-upload-drop]').dispatchEvent(
            new DragEvent('drop', { dataTransfer: carried, bubbles: true, cancelable: true }));
        }""",
        carried(page),
    )
    in_state(file_row(page, "huge.png"), "refused")
    expect(file_row(page, "huge.png")).to_contain_text("exceeds the maximum allowed size of 50 MB")
    in_state(file_row(page, "apple.jpg"), "ready")
    go(page)
    in_state(file_row(page, "apple.jpg"), "uploading")
    choose(page, picture("bottle.jpg"))
    in_state(file_row(page, "bottle.jpg"), "ready")
    go(page)
    in_state(file_row(page, "bottle.jpg"), "waiting")
    choose(page, picture("mug.jpg"))

    check(page)
