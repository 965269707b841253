"""A number's source opens beside it, and cycles stand beside each other: in somebody's hands."""

from playwright.sync_api import expect

from tests.browser.conftest import violations
from tests.browser.deeds import charts_drawn
from tests.browser.test_accessible import check


def test_a_total_opens_its_formula_and_then_the_reading_of_a_part(visit):
    page = visit("owner", "/teams/demo/")
    page.locator("main .lead .source summary").click()
    panel = page.locator("main .lead .source .menu-panel")

    expect(panel).to_contain_text("each account once, however many keys it has")
    assert violations(page) == []
    panel.get_by_role("link", name="Production").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Reading of")


def test_the_mark_after_a_sentence_never_stands_alone_on_a_line(visit):
    page = visit("owner", "/teams/demo/")
    page.get_by_role("link", name="Production").click()
    charts_drawn(page, "burn-down", "use-chart", "cycles-stripe")
    marks = page.locator(".lead > .source, .chart-summary > .source")
    expect(marks.nth(3)).to_be_attached()
    start = "(mark) => mark.querySelector('summary').getBoundingClientRect().left"
    line = "(mark) => mark.parentElement.getBoundingClientRect().left"

    for width in range(360, 480, 6):
        page.set_viewport_size({"width": width, "height": 900})
        for mark in marks.all():
            assert mark.evaluate(start) - mark.evaluate(line) > 20, (width, mark.inner_text())
    marks.last.locator("summary").click()
    expect(marks.last.locator(".menu-panel")).to_be_visible()


def test_cycles_are_compared_from_the_account_page(visit):
    page = visit("owner", "/teams/demo/")
    page.get_by_role("link", name="Production").click()
    page.get_by_role("link", name="Compare with the last cycles").click()
    charts_drawn(page, "compare")
    page.get_by_role("link", name="Last 12").click()
    expect(page.locator("#compare [data-chart-legend] li")).to_have_count(13)
    page.locator("#compare").get_by_text("Show as table").click()

    expect(page.locator("#compare table")).to_contain_text("Difference to the last")
    check(page)


def test_accounts_stand_beside_each_other(visit):
    page = visit("owner", "/teams/demo/accounts/")
    page.get_by_role("link", name="Compare accounts").click()
    expect(page.locator("#compare-accounts [data-chart-legend] li")).to_have_count(2)
    charts_drawn(page, "compare-accounts")
    page.get_by_text("Choose accounts").click()
    page.get_by_role("checkbox", name="Studio").uncheck()
    page.get_by_role("button", name="Compare").click()

    expect(page.locator("main .lead")).not_to_contain_text("Studio")
    check(page)
