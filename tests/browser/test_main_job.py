"""The main job, end to end: a key in, credits on a chart, a picture out."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo, provokes
from tests.browser.deeds import (
    NOTE_PROGRESS,
    carried,
    charts_drawn,
    choose,
    file_row,
    go,
    in_state,
    ink,
    much,
    picture,
    remove,
    series_colour,
)
from tests.browser.people import PASSWORD, Person, fresh, signed_up

PREMIUM = "sandbox-premium"


def test_a_stranger_signs_up_adds_a_key_and_cuts_a_picture_out(visit, tmp_path):
    page = visit(None)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label(re.compile("^E-?mail")).fill(f"{fresh('nora')}@people.example")
    page.get_by_label("Your name").fill("Nora")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()

    # The empty team says what to do next, and one button gets there.
    expect(page.get_by_text("Add the first RemBG key")).to_be_visible()
    page.locator("main").get_by_role("link", name="Add key").click()
    page.get_by_label("Label").fill("Shop")
    page.get_by_label("RemBG key", exact=True).fill(fresh("sandbox-nora"))
    page.get_by_role("button", name="Add key").click()

    # The account's page has its charts already.
    expect(page.get_by_role("heading", name="Shop", exact=True)).to_be_visible()
    expect(page.locator(".toast")).to_contain_text("Key added. 1 cycle read.")
    charts_drawn(page, "burn-down", "use-chart")
    ink(page, "burn-down", much(1000))
    expect(page.locator("#burn-down .chart-summary")).to_contain_text("0 of 18,500 credits used")

    page.get_by_role("link", name="Removals").first.click()
    row = remove(page, picture("mug.jpg"))
    expect(row.locator("[data-row-cost]")).to_have_text("1 credit")
    row.get_by_role("link", name="Open").click()
    compare_by_keyboard(page)
    cut_out(download(page, tmp_path, "mug.png"))

    # And the credit stands on the overview.
    page.get_by_role("link", name="Overview").first.click()
    expect(page.locator("main")).to_contain_text("mug.jpg")


def compare_by_keyboard(page: Page) -> None:
    """Move the slider with an arrow key, and look at each of the other views."""
    slider = page.get_by_role("slider", name="How much of the original")
    expect(slider).to_have_attribute("aria-valuenow", "50")
    slider.focus()
    page.keyboard.down("ArrowRight")
    expect(slider).not_to_have_attribute("aria-valuenow", "50")
    page.keyboard.up("ArrowRight")
    for view, name in [("after", "Result"), ("before", "Original"), ("mask", "Mask")]:
        button = page.locator(".compare-tools").get_by_role("button", name=name)
        button.press("Enter")
        expect(button).to_have_attribute("aria-pressed", "true")
        expect(page.locator("[data-compare]")).to_have_attribute("data-view", view)


def download(page: Page, folder: Path, name: str) -> Image.Image:
    """Download the result; it has the original's name with the new extension."""
    with page.expect_download() as started:
        page.get_by_role("link", name="Download").click()
    assert started.value.suggested_filename == name
    started.value.save_as(folder / name)
    return Image.open(folder / name)


def cut_out(image: Image.Image) -> None:
    """See that the corners are transparent and that the subject, in the middle, is opaque."""
    alpha = image.convert("RGBA").getchannel("A")
    right, bottom = image.width - 1, image.height - 1
    corners = [(0, 0), (right, 0), (0, bottom), (right, bottom)]
    assert [alpha.getpixel(corner) for corner in corners] == [0, 0, 0, 0]
    assert alpha.getpixel((image.width // 2, image.height // 2)) == 255


@pytest.fixture(scope="module")
def reader(demo: Demo) -> Iterator[tuple[Person, dict[str, str]]]:
    """Somebody whose team has two accounts with 13 months of history, and their pages."""
    with signed_up(demo.url, "reader") as person:
        keys = {"Main": PREMIUM, "Old": "sandbox-calendar"}
        yield person, {label: person.add_key(key, label) for label, key in keys.items()}


def test_the_cycles_are_drawn_with_a_sentence_and_the_same_numbers_as_a_table(visit, reader):
    person, accounts = reader
    page = visit(person, accounts["Main"])

    charts_drawn(page, "cycles-stripe")
    for series in ("App", "API"):
        colour = series_colour(page, "cycles-stripe", series)
        assert ink(page, "cycles-stripe", much(4000))[colour] > 2000
    chart = page.locator("#cycles-stripe")
    expect(chart.locator(".chart-summary")).to_contain_text("13 closed cycles used")
    chart.get_by_text("Show as table").click()
    shown = chart.locator("tbody tr").all_inner_texts()
    data = page.request.get(chart.locator("canvas").get_attribute("data-chart")).json()
    assert len(shown) == len(data["x"]["labels"]) == 14
    app, api = (data["series"][index]["data"] for index in (0, 1))
    for row, label, one, two in zip(
        shown, reversed(data["x"]["labels"]), reversed(app), reversed(api), strict=True
    ):
        assert row.split("\t")[:3] == [label, f"{one:,}", f"{two:,}"]


def test_a_past_cycle_is_picked_and_left_again(visit, reader):
    person, accounts = reader
    page = visit(person, accounts["Main"])
    now = page.locator("#h-cycle").inner_text()

    # By the picker: only the cycle's part is swapped, and the address tells which.
    page.locator("main > .page-head").evaluate("(head) => { head.dataset.kept = 'yes'; }")
    page.locator(".picker select").select_option(index=3)
    expect(page.locator("#h-cycle")).to_contain_text("Past cycle")
    expect(page).to_have_url(re.compile(r"\?cycle=\d+-stripe$"))
    expect(page.locator("main > .page-head")).to_have_attribute("data-kept", "yes")
    expect(page.locator("#burn-down .chart-summary")).to_contain_text("This cycle used")
    charts_drawn(page, "cycles-stripe")
    picked = page.locator("#h-cycle").inner_text()

    page.go_back()
    expect(page.locator("#h-cycle")).to_have_text(now, use_inner_text=True)
    charts_drawn(page, "burn-down", "cycles-stripe")
    page.go_forward()
    expect(page.locator("#h-cycle")).to_have_text(picked, use_inner_text=True)

    # By a click on its column in the chart.
    charts_drawn(page, "cycles-stripe")
    canvas = page.locator("#cycles-stripe canvas")
    column = canvas.evaluate(
        """(canvas) => {
          const { x, y } = Chart.getChart(canvas).getDatasetMeta(0).data[4].getCenterPoint();
          return { x, y };
        }"""
    )
    canvas.click(position=column)
    links = page.request.get(canvas.get_attribute("data-chart")).json()["links"]
    expect(page).to_have_url(re.compile(re.escape(links[4]) + "$"))
    expect(page.locator("#h-cycle")).not_to_have_text(picked, use_inner_text=True)
    page.get_by_role("link", name="Back to the running cycle").click()
    expect(page.locator("#h-cycle")).to_have_text(now, use_inner_text=True)


def test_the_picker_works_without_javascript(visit, reader):
    person, accounts = reader
    page = visit(person, accounts["Main"], java_script_enabled=False)

    page.locator(".picker select").select_option(index=3)
    page.locator(".picker").get_by_role("button", name="Show").click()

    expect(page).to_have_url(re.compile(r"\?cycle=\d+-stripe$"))
    expect(page.locator("#h-cycle")).to_contain_text("Past cycle")
    page.locator("#cycles-stripe").get_by_text("Show as table").click()
    expect(page.locator("#cycles-stripe tbody tr").first).to_be_visible()


def test_a_number_shows_the_call_and_the_answer_that_it_came_from(visit, reader):
    person, accounts = reader
    page = visit(person, accounts["Main"])

    figure = page.locator(".figure", has_text="Included credits left")
    figure.get_by_label("Where this number comes from").click()
    facts = figure.locator(".menu-panel")
    expect(facts).to_contain_text("GET /api/membership-usage?expand=billing_cycle")
    expect(facts).to_contain_text("200")
    left = figure.locator(".figure-value > span").first.inner_text().replace(",", "")
    expect(facts.locator("pre")).to_contain_text(f'"remainingIncludedCredits": {left}')
    page.keyboard.press("Escape")
    expect(facts).to_be_hidden()


def test_calendar_windows_stand_apart_and_say_why(visit, reader):
    person, accounts = reader
    page = visit(person, accounts["Old"])

    charts_drawn(page, "months")
    expect(page.locator("main")).to_contain_text("stripeBillingSynced is false")
    expect(page.locator("#cycles-calendar")).to_be_visible()
    expect(page.locator("#cycles-stripe")).to_have_count(0)
    ink(page, "months", much(2000))


@pytest.fixture(scope="module")
def studio(demo: Demo) -> Iterator[tuple[Person, str]]:
    """Somebody with a fresh key, and that key."""
    with signed_up(demo.url, "studio") as person:
        key = fresh("sandbox-studio")
        person.add_key(key, "Studio")
        yield person, key


def test_several_files_go_up_at_once_and_say_honestly_how_far_they_are(visit, studio):
    person, _ = studio
    page = visit(person, f"{person.team}removals/")
    page.evaluate(NOTE_PROGRESS)

    names = ["apple.jpg", "lamp.jpg"]
    choose(page, *[picture(name) for name in names])
    expect(page.locator("[data-upload-count]")).to_have_text("Remove 2 backgrounds")
    go(page)
    for name in names:
        in_state(file_row(page, name), "done")
        expect(file_row(page, name).locator("[data-row-cost]")).to_have_text("1 credit")
    expect(page.locator("[data-upload-said]")).to_have_text("2 of 2 finished")

    noted = page.evaluate("noted")
    states = {one["state"] for one in noted if one["kind"] == "state"}
    assert {"uploading", "done"} <= states
    assert states & {"queued", "leased", "sending"}, states
    up = [one for one in noted if one.get("upload")]
    assert any(one["progress"] == 1 and one["loaded"] == one["total"] > 39_000 for one in up)
    down = [one for one in noted if one.get("download") and one.get("progress") == 1]
    results = [
        page.request.get(file_row(page, name).locator("[data-row-download]").get_attribute("href"))
        for name in names
    ]
    assert {len(result.body()) for result in results} <= {one["loaded"] for one in down}
    for result in results:
        cut_out(Image.open(io.BytesIO(result.body())))


def test_a_drop_and_a_paste_are_taken_and_what_was_asked_is_what_comes(visit, studio):
    person, _ = studio
    page = visit(person, f"{person.team}removals/")

    dropped = {"dataTransfer": carried(page, picture("bottle.jpg"))}
    page.dispatch_event("[data-upload-drop]", "dragover", dropped)
    expect(page.locator("[data-upload-drop]")).to_have_class(re.compile(r"\bover\b"))
    page.dispatch_event("[data-upload-drop]", "drop", dropped)
    expect(page.locator("[data-upload-drop]")).not_to_have_class(re.compile(r"\bover\b"))
    pasted = carried(page, picture("lamp.jpg"))
    page.evaluate(
        """(clipboardData) => document.body.dispatchEvent(
          new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))""",
        pasted,
    )
    expect(page.locator(".file-row")).to_have_count(2)

    page.get_by_text("JPEG", exact=True).click()
    page.get_by_label("Width in pixels").fill("400")
    page.get_by_role("button", name="Light grey").click()
    expect(page.locator("[data-asked]")).to_have_text("JPEG, 400 px wide, on light grey")
    go(page)
    for name in ("bottle.jpg", "lamp.jpg"):
        in_state(file_row(page, name), "done")
        address = file_row(page, name).locator("[data-row-download]").get_attribute("href")
        image = Image.open(io.BytesIO(page.request.get(address).body()))
        assert (image.format, image.width) == ("JPEG", 400)
        assert all(abs(value - 0xF2) < 4 for value in image.convert("RGB").getpixel((2, 2)))


def test_u40_a_page_closed_after_the_upload_loses_nothing(visit, studio):
    person, _ = studio
    page = visit(person, f"{person.team}removals/")
    choose(page, picture("sneaker.jpg"))
    go(page)
    link = file_row(page, "sneaker.jpg").locator("[data-row-open]")
    expect(link).to_be_visible()
    address = link.get_attribute("href")
    page.close()

    page = visit(person, address)

    # The page follows by itself, and ends with the pictures.
    expect(page.locator("[data-compare]")).to_be_visible()
    expect(page.locator(".facts")).to_contain_text("1 credit")
    page.get_by_role("link", name="Removals").first.click()
    expect(page.locator("#recent tr", has_text="sneaker.jpg")).to_contain_text("Done")


def test_what_is_wrong_is_said_at_its_field_and_costs_nothing(visit, demo, studio, tmp_path):
    person, key = studio
    before = person.charges(demo.sandbox, key)
    text = tmp_path / "notes.png"
    text.write_text("These are words, not pixels.")
    page = visit(person, f"{person.team}removals/")
    provokes(page, "400 (Bad Request)")

    choose(page, str(text), picture("mug.jpg"))
    page.get_by_label("Width in pixels").fill("99999")
    go(page)
    wrong = file_row(page, "notes.png")
    expect(wrong).to_contain_text("'w' must be at most 10000, got: 99999")
    expect(wrong).to_contain_text("invalid file signature")
    wrong.get_by_role("button", name="Take away").click()
    error = page.locator("[data-field-error=w]")
    expect(error).to_have_text("'w' must be at most 10000, got: 99999")
    expect(page.get_by_label("Width in pixels")).to_have_value("99999")
    in_state(file_row(page, "mug.jpg"), "failed")

    # What was wrong is put right, and the same file goes again.
    page.get_by_label("Width in pixels").fill("300")
    page.get_by_label("Mask only").check()
    for control in ("Background colour, as #RRGGBB or a name", "White", "Another colour"):
        expect(page.get_by_label(control, exact=True)).to_be_disabled()
    expect(page.locator("[data-asked]")).to_have_text("PNG, 300 px wide, mask only")
    file_row(page, "mug.jpg").get_by_role("button", name="Try again").click()
    in_state(file_row(page, "mug.jpg"), "done")

    choose(page, str(text))
    go(page)
    expect(file_row(page, "notes.png")).to_contain_text("invalid file signature")
    expect(error).to_be_hidden()
    assert person.charges(demo.sandbox, key) == before + 1


@pytest.mark.parametrize(
    ("key", "title", "step"),
    [
        pytest.param(
            "sandbox-fault-bad_key",
            "RemBG refused this key: it is not valid",
            "Nothing was saved",
            id="bad_key",
        ),
        pytest.param("sandbox-fault-unverified", "not verified", "inbox", id="unverified"),
        pytest.param("two words", "This does not look like a RemBG key.", "", id="K1-malformed"),
    ],
)
def test_a_refused_key_is_told_why_and_what_to_do(visit, newcomer, key, title, step):
    page = visit(newcomer, f"{newcomer.team}keys/add/")
    provokes(page, "422 (Unprocessable")

    page.get_by_label("Label").fill("Shop")
    page.get_by_label("RemBG key", exact=True).fill(key)
    page.get_by_role("button", name="Add key").click()

    expect(page.locator(".field", has_text="RemBG key")).to_contain_text(title)
    if step:
        expect(page.locator(".notice.bad")).to_contain_text(step)
    expect(page.get_by_label("Label")).to_have_value("Shop")
    expect(page.get_by_label("RemBG key", exact=True)).to_have_value("")
    assert key not in page.content()
