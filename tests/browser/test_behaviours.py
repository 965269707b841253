"""What the pages do in somebody's hands: themes, menus, questions, lost connections, sign-out."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.conftest import provokes
from tests.browser.deeds import (
    charts_drawn,
    choose,
    file_row,
    go,
    in_state,
    ink,
    picture,
    series_colour,
)
from tests.browser.people import Person, fresh
from tests.browser.wire import wired

NOTE_FIRST_THEME = """() => {
  new MutationObserver((records, observer) => {
    if (!document.body) return;
    sessionStorage.firstTheme = document.documentElement.dataset.theme ?? 'auto';
    observer.disconnect();
  }).observe(document, { childList: true, subtree: true });
}"""
REFUSE_CLIPBOARD = """() => {
  navigator.clipboard.writeText = () => Promise.reject(new DOMException('NotAllowedError'));
}"""
SURFACE = "() => getComputedStyle(document.body).backgroundColor"


def test_a_chosen_theme_stays_and_stands_before_the_first_paint(visit):
    page = visit("owner", "/teams/demo/")
    light = page.evaluate(SURFACE)

    page.locator(".rail .person summary").click()
    page.locator(".rail").get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    dark = page.evaluate(SURFACE)
    assert dark != light

    page.context.add_init_script(f"({NOTE_FIRST_THEME})()")
    page.reload()
    assert page.evaluate("sessionStorage.firstTheme") == "dark"
    assert page.evaluate(SURFACE) == dark

    page.locator(".rail .person summary").click()
    page.locator(".rail").get_by_role("button", name="Auto").click()
    assert page.evaluate(SURFACE) == light


def test_charts_take_the_colours_of_the_theme(visit):
    page = visit("owner", "/teams/demo/")
    page.goto(page.locator("h3 a").first.get_attribute("href"))
    charts_drawn(page, "months")
    before = series_colour(page, "months", "App")

    page.emulate_media(color_scheme="dark")

    after = series_colour(page, "months", "App")
    assert after != before
    drawn = ink(page, "months", lambda found: found.get(after, 0) > 1000)
    assert before not in drawn


@pytest.fixture
def owner_of_two(newcomer: Person) -> Person:
    """Somebody with two keys."""
    for label in ("First", "Second"):
        newcomer.add_key(fresh(f"sandbox-{label.lower()}"), label)
    return newcomer


def dialog(page: Page, answer: str) -> None:
    """Answer the question that the page asks."""
    asked = page.locator("dialog[open]")
    expect(asked).to_be_visible()
    asked.get_by_role("button", name=answer, exact=True).click()
    expect(asked).to_be_hidden()


def test_a_deed_that_destroys_asks_once_by_htmx(visit, owner_of_two):
    page = visit(owner_of_two, f"{owner_of_two.team}keys/")
    rows = page.locator("#keys tbody tr")
    expect(rows).to_have_count(2)

    row = page.locator("#keys tbody tr", has_text="First").first
    row.get_by_label("Actions for First").click()
    row.get_by_role("button", name="Archive").click()
    expect(page.locator("dialog h2")).to_have_text("Archive “First”?")
    expect(page.locator("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(rows).to_have_count(2)

    if not row.get_by_role("button", name="Archive").is_visible():
        row.get_by_label("Actions for First").click()
    row.get_by_role("button", name="Archive").click()
    dialog(page, "Cancel")
    expect(rows).to_have_count(2)
    if not row.get_by_role("button", name="Archive").is_visible():
        row.get_by_label("Actions for First").click()
    row.get_by_role("button", name="Archive").click()
    dialog(page, "Archive")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile("/keys/$"))


def test_a_deed_that_destroys_asks_once_by_a_plain_form(visit, owner_of_two):
    accounts = f"{owner_of_two.team}accounts/"
    page = visit(owner_of_two, accounts)
    page.get_by_role("link", name="Second").click()

    def archive() -> None:
        menu = page.get_by_label("Actions for Second")
        if menu.locator("xpath=..").get_attribute("open") is None:
            menu.click()
        page.locator(".page-head").get_by_role("button", name="Archive").click()

    archive()
    dialog(page, "Cancel")
    expect(page.get_by_role("heading", name="Second", exact=True)).to_be_visible()
    archive()
    dialog(page, "Archive")
    expect(page).to_have_url(re.compile(re.escape(accounts) + "$"))
    expect(page.locator("main table")).not_to_contain_text("Second")


def test_a_secret_is_copied(visit, newcomer):
    page = visit(newcomer, f"{newcomer.team}settings/")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_label("Label").fill("Report")
    page.get_by_role("button", name="Issue token").click()

    page.get_by_role("button", name="Copy").click()

    expect(page.locator(".toast")).to_contain_text("Copied.")
    secret = page.locator(".secret code").inner_text()
    assert secret.startswith("rbt_")
    assert page.evaluate("navigator.clipboard.readText()") == secret
    provokes(page, "422 (Unprocessable")
    page.reload()
    assert secret not in page.content()


def test_where_the_clipboard_is_refused_the_words_are_selected(visit):
    page = visit(None, "/reference/")
    page.evaluate(REFUSE_CLIPBOARD)

    page.get_by_role("button", name="Copy the host").click()

    host = page.locator(".copy code").inner_text()
    page.wait_for_function("(host) => getSelection().toString() === host", arg=host)
    expect(page.locator(".toast")).to_have_count(0)


def test_a_chart_is_read_by_keyboard_and_its_series_come_and_go(visit):
    page = visit("owner", "/teams/demo/")
    page.goto(page.locator("h3 a").first.get_attribute("href"))
    charts_drawn(page, "burn-down", "use-chart", "cycles-stripe")
    chart = page.locator("#cycles-stripe")
    table = page.request.get(chart.locator("canvas").get_attribute("data-chart")).json()["table"]

    chart.locator("canvas").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    tip = chart.locator(".chart-tip")
    expect(tip).to_be_visible()
    label, app, api, used = table["rows"][1][:4]
    for words in (label, f"{app:,}", f"{api:,}", f"{used:,}", "%"):
        expect(tip).to_contain_text(words)
    expect(chart.locator("[data-chart-said]")).to_contain_text(f"{label}: App {app:,}")
    page.keyboard.press("Enter")
    expect(page.locator("#h-cycle")).to_contain_text("Past cycle")
    chart.locator("canvas").focus()
    page.keyboard.press("Home")
    expect(tip).to_contain_text(table["rows"][-1][0])
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()

    colour = series_colour(page, "cycles-stripe", "API")
    toggle = chart.locator(".legend button", has_text="API")
    toggle.press("Enter")
    expect(toggle).to_have_attribute("aria-pressed", "false")
    ink(page, "cycles-stripe", lambda found: colour not in found)
    toggle.press("Enter")
    ink(page, "cycles-stripe", lambda found: found.get(colour, 0) > 2000)


@pytest.fixture
def shop(newcomer: Person) -> Person:
    """Somebody who can remove backgrounds; `key` pays."""
    newcomer.key = fresh("sandbox-shop")
    newcomer.add_key(newcomer.key, "Shop")
    return newcomer


def test_u39_a_retry_after_a_lost_answer_is_the_same_removal(visit, demo, shop):
    with wired(urlsplit(demo.url).port) as wire:
        page = visit(shop, f"{wire.url}{shop.team}removals/")
        choose(page, picture("mug.jpg"))
        row = file_row(page, "mug.jpg")

        provokes(page, "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET")
        wire.loses = True
        go(page)
        in_state(row, "broken")
        expect(row).to_contain_text("the same picture is never sent twice")
        assert wire.lost
        wire.loses = False
        row.get_by_role("button", name="Try again").click()
        in_state(row, "done")
        page.close()

    assert shop.charges(demo.sandbox, shop.key) == 1
    assert shop.get(f"{shop.team}removals/").text.count(">mug.jpg<") == 1


def test_an_upload_is_taken_away_while_it_runs(visit, demo, shop):
    page = visit(shop, f"{shop.team}removals/")
    held = []
    page.route("**/removals/", lambda route: held.append(route))
    choose(page, picture("mug.jpg"), picture("vase.jpg"))
    file_row(page, "vase.jpg").get_by_role("button", name="Take away").click()
    expect(page.locator(".file-row")).to_have_count(1)

    go(page)
    in_state(file_row(page, "mug.jpg"), "uploading")
    file_row(page, "mug.jpg").get_by_role("button", name="Take away").click()

    expect(page.locator(".file-row")).to_have_count(0)
    expect(page.locator("[data-upload-go]")).to_be_disabled()
    page.unroute_all(behavior="ignoreErrors")
    page.reload()
    expect(page.locator("#recent")).to_contain_text("No removals yet")
    assert shop.charges(demo.sandbox, shop.key) == 0


def test_u39_a_double_click_sends_one(visit, demo, shop):
    page = visit(shop, f"{shop.team}removals/")
    sent = []
    page.on("request", lambda request: sent.append(request.method))
    choose(page, picture("mug.jpg"))

    page.locator("[data-upload-go]").dblclick()
    in_state(file_row(page, "mug.jpg"), "done")

    assert sent.count("POST") == 1
    assert shop.charges(demo.sandbox, shop.key) == 1


def sign_out(page: Page) -> None:
    """Sign out by the person's menu."""
    page.locator(".rail .person summary").click()
    page.locator(".rail").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_t13_back_after_signing_out_shows_nothing(visit, shop):
    page = visit(shop, f"{shop.team}keys/")
    expect(page.locator("main")).to_contain_text("Shop")

    sign_out(page)
    page.go_back()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert "Shop" not in page.locator("body").inner_text()


def test_a_session_ended_in_another_tab_leads_htmx_to_sign_in_and_back(visit, shop):
    page = visit(shop, f"{shop.team}keys/")
    other = page.context.new_page()
    other.goto(shop.team)
    sign_out(other)

    provokes(page, "401 (Unauthorized)")
    page.get_by_role("button", name="Test now").click()

    # A whole page, not a form inside the table; and the way back is kept.
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.locator("#keys")).to_have_count(0)
    assert f"next={shop.team}keys/" in page.url.replace("%2F", "/")
    page.locator("[name=login]").fill(shop.email)
    page.locator("[name=password]").fill("demo-demo-demo")
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile("/keys/$"))


def test_a_session_ended_in_another_tab_is_said_in_the_row_of_an_upload(visit, shop):
    page = visit(shop, f"{shop.team}removals/")
    other = page.context.new_page()
    other.goto(shop.team)
    choose(page, picture("mug.jpg"))
    go(page)
    in_state(file_row(page, "mug.jpg"), "done")
    status = file_row(page, "mug.jpg").locator("[data-row-open]").get_attribute("href")
    choose(page, picture("vase.jpg"))

    sign_out(other)
    provokes(page, "401 (Unauthorized)")
    with page.expect_response(signed_out_list):
        go(page)

    # The list below has asked anew, too: it does not lead away from what was chosen.
    in_state(file_row(page, "vase.jpg"), "failed")
    expect(file_row(page, "vase.jpg")).to_contain_text("You are signed out. Sign in,")
    asked = page.request.get(f"{status}status.json", headers={"Accept": "application/json"})
    assert asked.status == 401


def signed_out_list(answer: Response) -> bool:
    """Whether the list of removals heard that nobody is signed in."""
    return answer.status == 401 and "hx-request" in answer.request.headers


def test_without_a_script_the_same_form_takes_a_picture(visit, shop):
    page = visit(shop, f"{shop.team}removals/", java_script_enabled=False)
    provokes(page, "400 (Bad Request)")

    page.get_by_role("button", name="Remove background").click()
    expect(page.locator("[data-field-error=image]")).to_contain_text("image")
    page.get_by_label("Width in pixels").fill("99999")
    page.locator("input[name=image]").set_input_files(picture("mug.jpg"))
    page.get_by_role("button", name="Remove background").click()
    expect(page.locator("[data-field-error=w]")).to_contain_text("must be at most 10000")
    expect(page.get_by_label("Width in pixels")).to_have_value("99999")

    page.get_by_label("Width in pixels").fill("200")
    page.locator("input[name=image]").set_input_files(picture("mug.jpg"))
    page.get_by_role("button", name="Remove background").click()
    expect(page.get_by_role("heading", name="mug.jpg")).to_be_visible()
    expect(page.locator(".page-head .lead")).to_have_text("PNG, 200 px wide, transparent")
    expect(page.get_by_role("link", name="Download")).to_be_visible()
