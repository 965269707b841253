"""Virtual keys in the browser: issued, shown once, rotated, revoked; fit for everybody."""

import re
from contextlib import suppress

import pytest
from playwright.sync_api import Error, Page, expect

from tests.browser.conftest import Demo
from tests.browser.people import fresh
from tests.browser.test_accessible import check

HERE = "/teams/demo/virtual-keys/"
SECRET = re.compile(r"rbk_\w{49}")


def issue(page: Page, label: str, cap: str = "5") -> str:
    """Issue a key by its form; return the secret that the page shows."""
    page.goto(f"{HERE}issue/")
    page.get_by_label("Label").fill(label)
    page.get_by_label("Stop at").fill(cap)
    page.get_by_role("button", name="Issue key").click()
    expect(page.locator(".secret code")).to_have_text(SECRET)
    return page.locator(".secret code").inner_text()


def copied_by(page: Page, button: str) -> str:
    """Press a button, and return what is in the clipboard once the page says so."""
    page.locator(button).click()
    expect(page.locator(".toast")).to_have_text("Copied.")
    page.locator(".toast [data-toast-close]").click()
    return page.evaluate("navigator.clipboard.readText()")


def row(page: Page, label: str):
    """Return the row of a key in the list."""
    return page.locator("tr", has_text=label)


def test_k12_a_secret_is_copied_once_and_gone_on_the_way_back_and_in_a_second_tab(
    visit, demo: Demo
):
    page, label = visit("member", HERE), fresh("Script")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=demo.url)

    secret = issue(page, label)
    copied = copied_by(page, ".secret [data-copy]")
    line = copied_by(page, "[data-copy-from]")
    page.get_by_role("link", name="I have kept it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(label)
    shown = [page.content()]
    with suppress(Error):  # The browser would have to send the form again, and asks.
        page.go_back(wait_until="commit")
    expect(page.get_by_text(secret)).to_have_count(0)
    second = page.context.new_page()
    second.goto(HERE)
    shown.append(second.content())

    assert copied == secret
    assert f"{demo.url}/rmbg" in line
    assert f"x-api-key: {secret}" in line
    assert [secret in html for html in shown] == [False, False]


def test_a_key_is_rotated_paused_resumed_and_revoked_by_its_menu(visit):
    page, label = visit("member", HERE), fresh("Script")
    first = issue(page, label)
    page.goto(HERE)

    def choose(action: str) -> None:
        row(page, label).locator(".menu summary").click()
        row(page, label).locator(".menu-panel").get_by_text(action).click()

    choose("Rotate")
    page.get_by_label("The old secret ends").select_option("After 1 hour")
    page.get_by_role("button", name="Rotate key").click()
    expect(page.locator(".secret code")).not_to_have_text(first)
    expect(page.locator("main .notice")).to_contain_text("The old secret works until")
    page.goto(HERE)
    choose("Pause")
    expect(row(page, label)).to_contain_text("Paused")
    choose("Resume")
    expect(row(page, label)).to_contain_text("Active")
    choose("Revoke")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    page.get_by_text("Keys that are over").first.click()
    expect(row(page, label)).to_contain_text("Revoked")


def test_an_admin_shows_the_keys_of_one_member_and_a_member_is_asked_for_none(visit):
    label = fresh("Script")
    issue(visit("member", HERE), label)
    page = visit("admin", HERE)

    page.get_by_label("Member").select_option("Adam Admin")
    expect(row(page, label)).to_have_count(0)
    page.get_by_label("Member").select_option("Mia Member")
    expect(row(page, label)).to_be_visible()

    expect(visit("member", HERE).get_by_label("Member")).to_have_count(0)


def test_a_viewer_is_not_led_to_virtual_keys(visit):
    page = visit("viewer", "/teams/demo/")

    expect(page.locator(".rail nav")).not_to_contain_text("Virtual keys")


@pytest.mark.parametrize("path", ["", "issue/", "review/"])
def test_the_pages_are_fit_for_everybody(visit, path):
    check(visit("owner", HERE + path))


def test_the_pages_of_a_key_are_fit_for_everybody(visit):
    page, label = visit("member", HERE), fresh("Script")
    issue(page, label)
    check(page)
    page.get_by_role("link", name="I have kept it").click()
    address = page.url

    for action in ("", "change/", "rotate/"):
        page.goto(address + action)
        check(page)
