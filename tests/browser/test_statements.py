"""Statements in the browser: a price is set, money stands beside credits, and a file comes down."""

import re
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import violations

STATEMENTS = "/teams/demo/statements/"


def open_newest(page: Page) -> None:
    """Open the statement of the newest closed cycle."""
    page.locator("tbody tr:not(.current) th a:not([hidden])").filter(visible=True).first.click()
    expect(page.get_by_role("heading", name="Summary")).to_be_visible()


def test_a_price_set_by_an_admin_stands_on_the_statement_and_in_its_file(visit):
    page = visit("admin", STATEMENTS)
    expect(page.locator("canvas[data-chart]")).to_have_count(1)
    page.get_by_role("link", name="Prices").click()
    page.get_by_label("Account", exact=True).select_option(label="Studio")
    page.get_by_label("Price of a credit", exact=True).fill("0.5")
    page.get_by_label("Currency").select_option("CHF")
    page.get_by_label("Holds from").fill("2024-01-01")
    page.get_by_role("button", name="Save price").click()
    expect(page.locator(".toast")).to_have_text("Price saved.")
    expect(page.get_by_role("row", name="0.50 CHF")).to_contain_text("1 Jan 2024")

    page.get_by_role("row", name="0.50 CHF").get_by_role("button").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.locator(".toast")).to_have_text("Price removed.")

    page.goto(STATEMENTS)
    open_newest(page)
    expect(page.locator("tfoot").first).to_contain_text("EUR")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.startswith("Production ")


def show_another(page: Page) -> str:
    """Choose what is not shown yet, and return its value."""
    choice = page.locator(".picker select")
    other = choice.locator("option:not(:checked)").first.get_attribute("value")
    choice.select_option(other)
    page.get_by_role("button", name="Show").click()
    return other


def test_the_statements_of_another_account_and_month_are_chosen(visit):
    page = visit("viewer", STATEMENTS)

    account = show_another(page)
    expect(page).to_have_url(re.compile(f"account={account}$"))
    expect(page.locator(".picker select")).to_have_value(account)
    page.get_by_role("link", name="All accounts by month").click()
    expect(page).to_have_url(re.compile("/months/"))
    month = show_another(page)

    expect(page).to_have_url(re.compile(f"/{month}/$"))
    expect(page.locator(".picker select")).to_have_value(month)


def test_the_sums_of_every_cycle_of_the_demo_close(visit):
    page = visit("viewer", STATEMENTS)
    read = page.request
    checked = 0

    for account in read.get("/api/v1/teams/demo/accounts").json()["accounts"]:
        base = f"/api/v1/teams/demo/accounts/{account['id']}/statements"
        for listed in read.get(base).json()["statements"]:
            one = read.get(f"{base}/{listed['key']}").json()
            parts = [one[name] for name in ("through", "outside_app", "outside_api")]
            parts += [one["discrepancy"]] if one["discrepancy"] else []
            assert sum(part["credits"] for part in parts) == one["total"]["credits"]
            assert total(parts) == Decimal(one["total"]["amount"])
            for lines in (one["members"], one["virtual_keys"], one["tags"]):
                assert sum(line["credits"] for line in lines) == one["through"]["credits"]
                assert total(lines) == Decimal(one["through"]["amount"])
            checked += 1

    assert checked > 20


def total(lines: list[dict]) -> Decimal:
    return sum((Decimal(line["amount"]) for line in lines), Decimal(0))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_statements_are_readable_for_everybody(visit, theme, width):
    page = visit("admin", STATEMENTS, theme=theme, width=width)
    expect(page.locator(".chart-canvas:not(.loading)")).to_have_count(1)
    fits(page)
    open_newest(page)
    fits(page)
    page.goto(f"{STATEMENTS}prices/")
    fits(page)


def fits(page: Page) -> None:
    """See that nobody is kept out, and that nothing scrolls sideways."""
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
