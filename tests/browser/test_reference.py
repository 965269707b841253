"""The API reference: real requests from the page, by mouse and by keyboard, and nothing leaks."""

import gzip
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import UNREACHABLE, Demo, provokes
from tests.browser.deeds import NOTE_PROGRESS, carried, picture
from tests.browser.people import Person, fresh, signed_up
from tests.browser.test_accessible import check
from tests.browser.test_meanwhile import let_go

PATH = "/reference/"
SECRET = re.compile(r"rbk_[0-9A-Za-z]{43}")
FOLDED = 9000  # Pixels of the page on a phone; with every error open it was 21,303.
BUDGET = 150 * 1024  # Of script and style, compressed (benchmarks/README.md).
STORED = "() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])"


@pytest.fixture(scope="module")
def coder(demo: Demo) -> Iterator[tuple[Person, str]]:
    """Somebody with a RemBG key in the team and no virtual key of their own yet."""
    with signed_up(demo.url, "coder") as person:
        key = fresh("sandbox-coder")
        person.add_key(key, "Main")
        yield person, key


def snippet(page: Page, endpoint: str = "rmbg"):
    return page.locator(f"#code-{endpoint}")


def answer(page: Page, endpoint: str = "rmbg"):
    return page.locator(f"[data-answer={endpoint}]")


def take(page: Page, *paths: str) -> None:
    page.locator("#file-rmbg").set_input_files(list(paths))


def run(page: Page, endpoint: str = "rmbg") -> None:
    page.locator(f"#{endpoint} [data-run]").click()


def leaks(page: Page) -> list[str]:
    """Return the secrets that stand in the page or in what the browser keeps."""
    return SECRET.findall(page.content() + page.evaluate(STORED))


def test_a_picture_is_sent_shown_and_charged_once(visit, demo, coder):
    person, key = coder
    before = person.charges(demo.sandbox, key)
    page = visit(person, PATH)
    page.evaluate(NOTE_PROGRESS)

    take(page, picture("mug.jpg"))
    page.locator("#rmbg-format").select_option("png")
    page.locator("#rmbg-w").fill("320")
    run(page)

    shown = answer(page).locator("figure img")
    expect(shown).to_be_visible()
    assert shown.evaluate("(one) => [one.naturalWidth, one.naturalHeight]") == [320, 240]
    assert answer(page).locator("figure .checker").count() == 1
    expect(answer(page).locator("[role=status]")).to_contain_text("200 OK")
    expect(answer(page).locator("[role=status]")).to_contain_text("1 credit")
    headers = answer(page).locator("[data-answer-shown=headers] pre")
    for name in ("x-credits-charged: 1", "x-request-id: ", "content-type: image/png"):
        expect(headers).to_contain_text(name)
    noted = page.evaluate("noted")
    assert any(one.get("upload") and one["progress"] == 1 for one in noted)
    assert any(one.get("download") and one["progress"] == 1 for one in noted)
    with page.expect_download() as saved:
        answer(page).get_by_role("link", name="Save").click()
    assert saved.value.suggested_filename == "answer.png"
    assert person.charges(demo.sandbox, key) == before + 1
    assert leaks(page) == []


def test_a_picture_is_dropped_pasted_and_taken_away(visit, coder):
    page = visit(coder[0], PATH)
    chosen = page.locator("[data-picture-chosen]")

    dropped = {"dataTransfer": carried(page, picture("lamp.jpg"))}
    page.dispatch_event("[data-picture-drop]", "drop", dropped)
    expect(chosen).to_contain_text("lamp.jpg")
    expect(snippet(page)).to_contain_text("image=@lamp.jpg")

    page.evaluate(
        """(clipboardData) => document.body.dispatchEvent(
          new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))""",
        carried(page, picture("vase.jpg")),
    )
    expect(chosen).to_contain_text("vase.jpg")

    page.get_by_role("button", name="Take the picture away").click()
    expect(chosen).to_be_hidden()
    expect(snippet(page)).to_contain_text("image=@image.jpg")


def test_snippets_follow_the_values_in_every_language(visit, coder):
    page = visit(coder[0], PATH)

    page.locator("#rmbg-bg_color").fill("#ff0000")
    page.locator("#rmbg-mask").select_option("true")
    for language in ("HTTP", "Python", "Node", "PHP", "cURL"):
        page.locator("#languages-rmbg").get_by_text(language, exact=True).click()
        expect(page.locator("#snippet-rmbg pre")).to_have_attribute(
            "aria-label", f"Snippet: {language}, /rmbg"
        )
        expect(snippet(page)).to_contain_text("#ff0000")
    page.locator("#rmbg-w").press_sequentially("800")
    expect(snippet(page)).to_contain_text("w=800")
    page.locator("#rmbg [data-clear]").click()
    expect(snippet(page)).not_to_contain_text("w=800")

    page.locator("#membership-usage-expand").select_option("billing_cycle")
    expect(snippet(page, "membership-usage")).to_contain_text("?expand=billing_cycle")


def test_errors_stand_at_their_fields_and_lead_to_the_guide(visit, demo, coder):
    person, key = coder
    before = person.charges(demo.sandbox, key)
    page = visit(person, PATH)
    provokes(page, "400 (Bad Request)")
    take(page, picture("mug.jpg"))

    page.locator("#rmbg-w").fill("abc")
    run(page)

    field = page.locator("#rmbg [data-field-error=w]")
    expect(field).to_have_text("'w' must be an integer, got: 'abc'")
    expect(answer(page).locator("pre").first).to_contain_text('"code": "size_type"')
    expect(answer(page).locator("[role=status]")).to_contain_text("400 Bad Request")
    expect(answer(page).locator("[role=status]")).to_contain_text("No credit")
    answer(page).get_by_role("link", name="What to do about it").click()
    expect(page.locator("#error-size_type")).to_be_in_viewport()
    expect(page.locator("#error-size_type")).to_contain_text("Send a whole number")

    page.locator("#rmbg-angle").fill("ninety")
    run(page)
    expect(page.locator("#rmbg [data-field-error=angle]")).to_contain_text("must be a number")
    expect(field).to_be_visible()

    page.locator("#rmbg [data-clear]").click()
    expect(field).to_be_hidden()
    run(page)
    expect(answer(page).locator("pre").first).to_contain_text("No image file provided.")
    assert person.charges(demo.sandbox, key) == before


def test_usage_and_the_document_come_as_json(visit, coder):
    page = visit(coder[0], PATH)

    page.locator("#membership-usage-expand").select_option("billing_cycle")
    run(page, "membership-usage")
    run(page, "openapi")

    usage = answer(page, "membership-usage")
    expect(usage.locator("pre").first).to_contain_text('"virtualKey": {')
    expect(usage.locator("pre").first).to_contain_text('"billingCycle": {')
    expect(usage.locator("[role=status]")).to_contain_text("No credit")
    expect(answer(page, "openapi").locator("pre").first).to_contain_text('"openapi": "3.1')
    assert leaks(page) == []


def test_the_keyboard_alone_sends_a_request(visit, coder):
    page = visit(coder[0], PATH)
    page.locator("#file-rmbg").focus()

    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Use a sample picture")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-picture-chosen]")).to_contain_text("sample.jpg")
    page.keyboard.press("Tab")
    expect(page.locator("#rmbg-format")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(snippet(page)).to_contain_text("format=png")
    page.keyboard.press("Tab")
    page.keyboard.type("200")
    page.keyboard.press("Enter")

    expect(answer(page).locator("figure")).to_contain_text("image/png")
    expect(answer(page).locator("figure")).to_contain_text("200 × 150 px")


def test_a_language_chosen_by_keyboard_keeps_the_focus(visit, coder):
    page = visit(coder[0], PATH)
    page.locator("#languages-rmbg [value=curl]").focus()

    page.keyboard.press("ArrowRight")
    expect(snippet(page)).to_contain_text("POST /rmbg HTTP/1.1")
    page.keyboard.press("ArrowRight")

    expect(snippet(page)).to_contain_text("requests.post(")
    expect(page.locator("#languages-rmbg [value=python]")).to_be_focused()


def test_a_broken_line_is_said_and_nothing_is_claimed(visit, coder):
    page = visit(coder[0], PATH)
    # The snippets ask for the picture's name 200 ms after it was chosen: with or without a line.
    provokes(page, *UNREACHABLE)
    take(page, picture("mug.jpg"))

    page.context.set_offline(True)
    run(page)
    trouble = page.locator("#rmbg [data-trouble]")
    expect(trouble).to_contain_text("Nothing was sent, and no credit was used.")
    page.context.set_offline(False)
    run(page, "membership-usage")
    expect(answer(page, "membership-usage").locator("[role=status]")).to_contain_text("200 OK")
    page.context.set_offline(True)
    run(page)
    expect(trouble).to_contain_text("It is not known whether a credit was used")


def kept_back(page: Page, address: str) -> list[Route]:
    """Hold back what is asked at this address; return the list of what is held."""
    kept: list[Route] = []
    page.route(address, lambda route: kept.append(route))
    return kept


def sent(page: Page) -> list[str]:
    """Return the list of the pictures that are sent from now on."""
    found: list[str] = []
    page.on("request", lambda one: found.append(one.url) if one.url.endswith("/rmbg") else None)
    return found


def test_a_request_waits_for_the_sample_picture_that_is_on_its_way(visit, demo, coder):
    person, key = coder
    before = person.charges(demo.sandbox, key)
    page = visit(person, PATH)
    sample = kept_back(page, "**/sample*.jpg")

    page.get_by_role("button", name="Use a sample picture").click()
    run(page)
    expect(page.locator("#rmbg [data-run]")).to_have_attribute("aria-busy", "true")
    expect(page.locator("[data-picture-chosen]")).to_be_hidden()
    let_go(page, sample)

    expect(answer(page).locator("figure")).to_be_visible()
    assert person.charges(demo.sandbox, key) == before + 1


@pytest.mark.parametrize("held", ["**/sample*.jpg", "**/reference/key/"], ids=["sample", "key"])
def test_a_request_that_is_stopped_before_it_is_sent_is_not_sent(visit, coder, held):
    page = visit(coder[0], PATH)
    kept, pictures = kept_back(page, held), sent(page)
    trouble = page.locator("#rmbg [data-trouble]")

    page.get_by_role("button", name="Use a sample picture").click()
    run(page)
    page.locator("#rmbg [data-stop]").click()
    expect(trouble).to_have_text("Stopped. Nothing was sent, and no credit was used.")
    let_go(page, kept)
    page.unroute_all()

    # What was on its way is there now, and was not waited for.
    expect(page.locator("[data-picture-chosen]")).to_contain_text("sample.jpg")
    run(page, "membership-usage")
    expect(answer(page, "membership-usage").locator("[role=status]")).to_contain_text("200 OK")
    assert pictures == []


def test_a_sample_picture_that_does_not_come_is_said_and_nothing_is_sent(visit, coder):
    page = visit(coder[0], PATH)
    sample, pictures = kept_back(page, "**/sample*.jpg"), sent(page)
    provokes(page, "ERR_FAILED")

    page.get_by_role("button", name="Use a sample picture").click()
    run(page)
    let_go(page, sample, lost=True)

    trouble = page.locator("#rmbg [data-trouble]")
    expect(trouble).to_contain_text("could not be loaded. Nothing was sent")
    expect(page.locator("#rmbg [data-run]")).to_have_attribute("aria-busy", "false")
    assert pictures == []
    page.unroute_all()
    page.get_by_role("button", name="Use a sample picture").click()
    expect(page.locator("[data-picture-chosen]")).to_contain_text("sample.jpg")


def test_a_key_that_ends_meanwhile_is_borrowed_anew(visit, demo, coder):
    person, _ = coder
    page = visit(person, PATH)
    run(page, "membership-usage")
    status = answer(page, "membership-usage").locator("[role=status]")
    expect(status).to_contain_text("200 OK")

    page.clock.install()
    page.clock.fast_forward("20:00")
    with page.expect_response("**/reference/key/") as borrowed:
        run(page, "membership-usage")

    assert borrowed.value.status == 201
    expect(status).to_contain_text("200 OK")


def test_signed_out_meanwhile_one_is_told_so(visit, coder):
    page = visit(coder[0], PATH)
    page.context.clear_cookies(name="sid")
    provokes(page, "401 (Unauthorized)")

    run(page, "membership-usage")

    trouble = page.locator("#membership-usage [data-trouble]")
    expect(trouble).to_contain_text("You are signed out")


def loaded(page: Page) -> list[str]:
    """Return the addresses of what the page has loaded."""
    return page.evaluate("() => performance.getEntriesByType('resource').map((one) => one.name)")


def test_the_page_is_light_and_asks_no_other_host(visit, demo, coder):
    page = visit(coder[0], PATH)
    addresses = loaded(page)

    weight = sum(
        len(gzip.compress(page.request.get(one).body()))
        for one in addresses
        if urlsplit(one).path.endswith((".js", ".css"))
    )

    assert weight <= BUDGET
    assert {urlsplit(one).netloc for one in addresses} == {urlsplit(demo.url).netloc}


def test_the_reference_is_accessible_after_a_request_and_unfolded(visit, coder):
    page = visit(coder[0], PATH)
    page.get_by_role("button", name="Use a sample picture").click()
    page.locator("#rmbg-w").fill("200")
    run(page)
    expect(answer(page).locator("figure")).to_be_visible()
    provokes(page, "400 (Bad Request)")
    page.locator("#membership-usage-year").fill("abc")
    run(page, "membership-usage")
    expect(answer(page, "membership-usage").locator("pre").first).to_be_visible()
    page.evaluate("document.querySelectorAll('main details').forEach((one) => (one.open = true))")

    check(page)


def test_the_reference_is_accessible_to_whoever_is_not_signed_in(visit):
    page = visit(None, PATH)
    check(page)

    expect(page.locator("#rmbg [data-run]")).to_have_count(0)


def test_without_scripts_one_reads_all_of_it_and_gets_snippets(visit):
    page = visit(None, PATH, java_script_enabled=False)

    page.locator("#rmbg-w").fill("640")
    page.locator("#rmbg").get_by_role("button", name="Show the snippets").click()

    expect(snippet(page)).to_contain_text("w=640")
    expect(page.locator("#rmbg-w")).to_have_value("640")
    expect(page.locator("#rmbg [data-run]")).to_have_count(0)
    page.locator("summary", has_text="Limits and budgets").click()
    expect(page.locator("#error-over_budget")).to_be_visible()


def test_the_errors_are_folded_and_found_by_their_words(visit):
    page = visit(None, PATH)
    page.set_viewport_size({"width": 390, "height": 844})
    row = page.locator("#error-rate_daily")
    words = page.get_by_label("Find an error")
    expect(row).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollHeight") < FOLDED

    words.fill("429 daily")
    expect(row).to_be_visible()
    expect(page.locator(".guide tbody tr:visible")).to_have_count(1)
    words.fill("no such error")
    expect(page.get_by_text("No error has these words.")).to_be_visible()
    words.fill("")
    expect(row).to_be_hidden()
    page.goto(f"{page.url}#error-rate_daily")
    expect(row).to_be_in_viewport()
