"""While an answer is on its way the page asks again, or somebody chooses: the choice stands."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Response, Route, expect

from tests.browser.conftest import UNREACHABLE, WAIT, Demo, provokes
from tests.browser.deeds import charts_drawn, picture
from tests.browser.people import Person, fresh, signed_up

REPLACED = ("htmx:afterRequest", "htmx:sendAbort")
NOTE_SHOWN = """() => {
  window.shown = [];
  new MutationObserver((records) => {
    for (const one of document.querySelectorAll('.toast, [data-late]:not([hidden])'))
      window.shown.push(one.textContent.trim());
  }).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""
CHOOSE_AT_ONCE = """(value) => {
  new MutationObserver((records, observer) => {
    const choice = records.flatMap(({ addedNodes }) => [...addedNodes])
      .map((one) => one.querySelector?.('.picker select')).find(Boolean);
    if (!choice) return;
    observer.disconnect();
    choice.value = value;
    choice.dispatchEvent(new Event('change', { bubbles: true }));
  }).observe(document.querySelector('main'), { subtree: true, childList: true });
}"""
WAIT_AT_MOST = """(one, times) => {
  const meant = JSON.parse(one.getAttribute('hx-request'));
  one.setAttribute('hx-request', JSON.stringify({ timeout: meant.timeout * times }));
}"""


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


def held(page: Page, address: str) -> list[Route]:
    """Hold back the answers to what htmx asks there; return the list of those held."""
    kept: list[Route] = []

    def hold(route: Route) -> None:
        kept.append(route) if "hx-request" in route.request.headers else route.fallback()

    page.route(re.compile(address), hold)
    return kept


def let_go(page: Page, kept: list[Route], *, lost: bool = False) -> None:
    """Let the answer come that is held back, or will be in a moment; or let it be lost."""
    deadline = time.monotonic() + WAIT / 1000
    while not kept:
        assert time.monotonic() < deadline, "nothing was asked"
        page.wait_for_timeout(20)
    route = kept.pop()
    route.abort() if lost else route.continue_()


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
    chosen = held(page, "state=done")
    expect(page.locator("#recent tbody tr")).to_have_count(1)

    page.get_by_label("State").select_option("done")
    refreshed(page)
    let_go(page, chosen)

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


def test_of_two_cycles_chosen_in_a_hurry_the_last_one_stands(visit):
    page = visit("viewer", "/teams/demo/")
    page.get_by_role("link", name="Production").first.click()
    picker = page.locator(".picker select")
    wanted = picker.locator("option").nth(3).get_attribute("value")
    first = held(page, f"cycle={picker.locator('option').nth(2).get_attribute('value')}")
    provokes(page, *REPLACED)

    picker.focus()
    picker.select_option(index=2)
    picker.select_option(index=3)
    let_go(page, first)

    expect(page).to_have_url(re.compile(f"cycle={wanted}$"))
    expect(picker).to_have_value(wanted)
    expect(picker).to_be_focused()


def test_a_choice_in_a_list_that_has_only_just_come_is_asked(visit):
    page = visit("viewer", "/teams/demo/")
    page.get_by_role("link", name="Production").first.click()
    picker = page.locator(".picker select")
    wanted = picker.locator("option").nth(3).get_attribute("value")
    page.evaluate(CHOOSE_AT_ONCE, wanted)

    picker.select_option(index=2)

    expect(page).to_have_url(re.compile(f"cycle={wanted}$"))
    expect(picker).to_have_value(wanted)


def test_going_back_leaves_questions_and_notes_where_they_are_seen(visit, newcomer):
    account = newcomer.add_key("sandbox-premium", "Shop")
    page = visit(newcomer, account)
    page.locator(".picker select").select_option(index=2)
    expect(page.locator("#h-cycle")).to_contain_text("Past cycle")
    page.go_back()
    expect(page.locator("#h-cycle")).to_contain_text("This cycle")

    page.evaluate("document.dispatchEvent(new CustomEvent('toast', {detail: {text: 'Noted.'}}))")
    expect(page.locator(".toast", has_text="Noted.")).to_be_visible()
    page.get_by_label("Actions for Shop").click()
    page.locator(".page-head").get_by_role("button", name="Archive").click()
    page.locator("dialog[open]").get_by_role("button", name="Cancel").click()

    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.get_by_role("heading", name="Shop", exact=True)).to_be_visible()


def test_of_two_ranges_of_days_clicked_in_a_hurry_the_last_one_stands(visit, people):
    accounts = people["viewer"].get("/api/v1/teams/demo/accounts").json()["accounts"]
    page = visit("viewer", f"/teams/demo/accounts/{accounts[0]['id']}/days/?span=48")
    first, last = held(page, "span=30"), held(page, "span=90")
    provokes(page, *REPLACED)

    page.get_by_role("link", name="30 days").click()
    page.get_by_role("link", name="90 days").click()
    let_go(page, first)
    let_go(page, last)

    expect(page.locator("#use h3")).to_contain_text("90 days")
    expect(page.get_by_role("link", name="90 days")).to_have_attribute("aria-current", "true")


def test_while_a_key_is_tested_nothing_else_is_asked_of_the_table(visit, newcomer):
    for label in ("First", "Second"):
        newcomer.add_key(fresh("sandbox-two"), label)
    page = visit(newcomer, f"{newcomer.team}keys/")
    first = held(page, "/test/$")
    buttons = page.get_by_role("button", name="Test now")

    buttons.first.click()
    expect(buttons.last).to_be_disabled()
    let_go(page, first)

    expect(page.locator(".toast")).to_have_count(1)
    expect(buttons.last).to_be_enabled()


def test_a_page_that_gets_no_answers_says_so_once_and_in_its_place(visit, waiting):
    person, path = waiting
    for address, place in ((path, "#removal"), (f"{person.team}removals/", "#recent-list")):
        page = visit(person, address)
        provokes(page, *UNREACHABLE)
        late, toasts = page.locator(f"{place} [data-late]"), page.locator(".toast")
        expect(late).to_be_hidden()

        page.route(f"**{address}", lambda route: route.abort())
        expect(late).to_be_visible()
        expect(late).to_contain_text("The page asks again by itself.")
        assert toasts.count() == 0

        page.unroute(f"**{address}")
        expect(late).to_be_hidden()


def test_an_answer_that_is_lost_once_is_no_news(visit, waiting):
    person, path = waiting
    page = visit(person, path)
    page.evaluate(NOTE_SHOWN)
    provokes(page, "502")

    with page.expect_response(lambda answer: answer.status == 502):
        page.route(f"**{path}", lambda route: route.fulfill(status=502), times=1)
    with page.expect_response(lambda answer: answer.status == 200):
        pass

    assert page.evaluate("window.shown") == []


def test_an_answer_that_never_comes_is_not_waited_for(visit, waiting):
    person, path = waiting
    page = visit(person, path)
    lost = held(page, re.escape(path))
    provokes(page, "htmx:afterRequest", "htmx:timeout")
    page.locator("#removal").evaluate(WAIT_AT_MOST, 1 / 40)

    with page.expect_event("requestfailed"):
        pass
    assert lost
    page.locator("#removal").evaluate(WAIT_AT_MOST, 40)
    page.unroute_all(behavior="ignoreErrors")

    with page.expect_response(lambda answer: answer.status == 200):
        pass


def test_days_that_could_not_be_loaded_leave_the_way_to_their_page(visit):
    page = visit("viewer", "/teams/demo/")
    page.route("**/days/**", lambda route: route.fulfill(status=500))
    provokes(page, "500")

    page.get_by_role("link", name="Production").first.click()

    expect(page.locator("#use [data-late]")).to_contain_text("its own page has it")
    expect(page.locator("#use").get_by_role("link", name="Use by day and hour")).to_be_visible()
    assert page.locator(".toast").count() == 0


def test_what_somebody_asked_in_vain_is_said_to_them(visit):
    page = visit("viewer", "/teams/demo/")
    page.get_by_role("link", name="Production").first.click()
    expect(page.locator("#use-chart canvas")).to_be_visible()

    page.route("**/?cycle=*", lambda route: route.abort())
    provokes(page, *UNREACHABLE)
    page.locator(".picker select").select_option(index=2)

    expect(page.locator(".toast")).to_contain_text("The server could not be reached.")


def test_a_picture_chosen_while_the_sample_is_on_its_way_is_kept(visit):
    page = visit("owner", "/reference/")
    sample: list[Route] = []
    page.route("**/sample*.jpg", lambda route: sample.append(route))

    page.get_by_role("button", name="Use a sample picture").click()
    page.locator("#file-rmbg").set_input_files(picture("lamp.jpg"))
    with page.expect_response("**/sample*.jpg") as came:
        let_go(page, sample)
    came.value.finished()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")

    expect(page.locator("[data-picture-chosen]")).to_contain_text("lamp.jpg")


def test_a_chart_whose_place_is_gone_when_its_data_comes_is_not_drawn(visit, people):
    accounts = people["viewer"].get("/api/v1/teams/demo/accounts").json()["accounts"]
    page = visit("viewer", f"/teams/demo/accounts/{accounts[0]['id']}/days/?span=48")
    data: list[Route] = []
    page.route(re.compile(r"\.json\?.*span=30"), lambda route: data.append(route))

    page.get_by_role("link", name="30 days").click()
    expect(page.locator("#use h3")).to_contain_text("30 days")
    page.get_by_role("link", name="90 days").click()
    expect(page.locator("#use h3")).to_contain_text("90 days")
    charts_drawn(page, "use-chart")
    with page.expect_response(re.compile("span=30")) as came:
        let_go(page, data)
    came.value.finished()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")

    assert page.evaluate("Object.keys(Chart.instances).length") == 1
