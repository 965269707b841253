"""What lies ahead and where each day went, in a real browser: drawn, heard, by keyboard alone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import violations
from tests.browser.deeds import charts_drawn, ink, much


def opened(visit, **look) -> Page:
    """Open the account with the most history, its days loaded."""
    page = visit("viewer", "/teams/demo/", **look)
    page.get_by_role("link", name="Production").first.click()
    charts_drawn(page, "burn-down", "use-chart", "cycles-stripe")
    return page


def said(page: Page, chart: str):
    return page.locator(f"#{chart} [data-chart-said]")


def test_the_forecast_has_a_line_a_band_a_legend_and_words(visit):
    page = opened(visit)

    expect(page.locator("#cycle .outlook")).to_contain_text("Lasts until renewal:")
    expect(page.locator("#cycle .outlook")).to_contain_text("credits a day")
    expect(page.locator("#burn-down .chart-summary")).to_contain_text("Lasts until renewal:")
    button = page.locator("#burn-down .legend button", has_text="Forecast")
    before = sum(ink(page, "burn-down").values())
    button.click()
    ink(page, "burn-down", lambda found: sum(found.values()) < before)
    expect(page.locator("#burn-down .legend button", has_text="80 %")).to_have_count(0)


def test_the_forecast_is_read_with_the_keyboard(visit):
    page = opened(visit)

    page.locator("#burn-down canvas").focus()
    page.keyboard.press("End")

    expect(said(page, "burn-down")).to_contain_text("80 % range, low")
    expect(said(page, "burn-down")).to_contain_text("Forecast")


def test_a_day_opens_its_hours_by_keyboard_and_leads_back(visit):
    page = opened(visit)

    page.locator("#use-chart canvas").focus()
    for key in ("End", "ArrowLeft"):
        page.keyboard.press(key)
    expect(said(page, "use-chart")).to_contain_text("Total")
    page.keyboard.press("Enter")

    expect(page.locator("#use h3")).to_contain_text("Credits used by the hour")
    charts_drawn(page, "use-chart")
    assert re.search(r"/days/\?span=cycle&day=\d{4}-\d\d-\d\d$", page.url)
    page.get_by_role("link", name="Back to days").click()
    expect(page.locator("#use h3")).to_contain_text("Credits used by the day")
    page.get_by_role("link", name="90 days").click()
    expect(page.locator("#use h3")).to_contain_text("90 days")
    ink(page, "use-chart", much(500))


def test_days_and_hours_are_fit_for_everybody(visit):
    page = opened(visit)
    path = page.locator("#use form").get_attribute("action")

    found = {}
    for query in ("", "?span=48", "?span=90"):
        page.goto(f"{path}{query}")
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            charts_drawn(page, "use-chart")
            found[query, theme] = violations(page)

    assert [one for one in found.values() if one] == []


def test_the_page_of_days_works_without_javascript_and_on_a_phone(visit):
    page = visit("viewer", "/teams/demo/", java_script_enabled=False, width=390)
    page.get_by_role("link", name="Production").first.click()
    page.get_by_role("link", name="Use by day and hour").click()

    expect(page.get_by_role("heading", name="Use by day")).to_be_visible()
    page.locator("#use input[type=date]").fill("2026-01-01")
    page.locator("#use").get_by_role("button", name="Show").click()
    expect(page.locator("#use h3")).to_contain_text("Credits used by the hour")


PLACES = """(canvas) => {
  const chart = Chart.getChart(canvas);
  const { left, right } = chart.chartArea;
  return chart.getDatasetMeta(1).data.map(({ x }) => (x - left) / (right - left));
}"""


def test_a_comparison_stands_on_a_ruler_where_now_lies_within_its_day(visit):
    """The wrong drawing: now as a day of its own, so that an hour is as wide as a day."""
    page = opened(visit)
    page.get_by_role("link", name="Compare with the last cycles").click()
    charts_drawn(page, "compare")
    spec = page.request.get(page.url.rstrip("/") + ".json").json()
    places = spec["x"]["places"]

    drawn = page.locator("#compare canvas").evaluate(PLACES)

    assert drawn == pytest.approx([place / places[-1] for place in places], abs=0.01)
    page.locator("#compare canvas").focus()
    for _ in range(1 + next(n for n, name in enumerate(spec["x"]["labels"]) if "so far" in name)):
        page.keyboard.press("ArrowRight")
    used = next(dot for dot in reversed(spec["series"][0]["data"]) if dot is not None)
    expect(said(page, "compare")).to_contain_text(f"so far: This cycle {used:,}")
