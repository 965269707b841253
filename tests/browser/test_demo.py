"""The demo through its door: four logins, and numbers that are the sandbox's own."""

import re

import pytest
import requests
from playwright.sync_api import expect

from tests.browser.conftest import provokes
from tests.browser.people import PASSWORD
from tests.waiting import WAIT

PREMIUM = "sandbox-premium"


@pytest.mark.parametrize("role", ["owner", "admin", "member", "viewer"])
def test_the_logins_of_the_demo_work(visit, role):
    page = visit(None, "/accounts/login/")

    page.get_by_label(re.compile("^E-?mail")).fill(f"{role}@demo.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page).to_have_url(re.compile(r"/teams/demo/$"))
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.locator("main")).to_contain_text("sneaker.jpg")


def test_a_viewer_sees_everything_and_can_do_nothing(visit):
    page = visit("viewer", "/teams/demo/")
    expect(page.get_by_role("link", name="Remove backgrounds")).to_have_count(0)
    links = page.locator(".rail nav a").evaluate_all("(all) => all.map((one) => one.pathname)")
    account = page.locator("h3 a").first.get_attribute("href")

    for path in [*links, account]:
        page.goto(path)
        buttons = page.locator("main").get_by_role("button").all_inner_texts()
        deeds = re.compile(r"Add|Test|Invite|Save|Archive|Remove|Read now|Delete|Rename", re.I)
        assert not [one for one in buttons if deeds.search(one)], (path, buttons)
        assert not page.locator("main a.button", has_text="Add key").count(), path
        assert "••••" not in page.locator("main").inner_text() or path == account, path

    page.goto("/teams/demo/removals/")
    expect(page.locator("[data-upload]")).to_have_count(0)
    page.locator("#recent tbody a").first.click()
    expect(page.locator("[data-compare]")).to_be_visible()
    provokes(page, "403 (Forbidden)")
    assert page.goto("/teams/demo/keys/add/").status == 403
    assert page.goto("/teams/demo/audit/").status == 403


def test_every_closed_cycle_of_the_sandbox_stands_in_the_api_the_chart_and_the_table(
    visit, demo, people
):
    owner = people["owner"]
    accounts = owner.get("/api/v1/teams/demo/accounts").json()["accounts"]
    pk = next(one["id"] for one in accounts if one["label"] == "Production")

    ours = owner.get(f"/api/v1/teams/demo/accounts/{pk}/cycles").json()["cycles"]
    known = {
        (one["period_start_unix"], one["app_usage"], one["api_usage"])
        for one in ours
        if one["kind"] == "stripe"
    }
    asked = requests.get(
        f"{demo.sandbox}/api/membership-usage",
        params={"listBillingCycles": "1"},
        headers={"x-api-key": PREMIUM},
        timeout=WAIT,
    ).json()["billingCycles"]
    # The one that runs as far as we have read: RemBG may have renewed it since.
    running, *_ = max(known)
    listed = [(one["periodStartUnix"], one["appUsage"], one["apiUsage"]) for one in asked]
    closed = [one for one in listed if one[0] < running]
    assert len(closed) >= 13
    assert set(closed) <= known

    chart = owner.get(f"/teams/demo/accounts/{pk}/cycles.json").json()
    app, api = (chart["series"][index]["data"] for index in (0, 1))
    starts = [int(re.search(r"cycle=(\d+)-", link)[1]) for link in chart["links"]]
    drawn = set(zip(starts, app, api, strict=True))
    assert set(closed) <= drawn

    page = visit("viewer", f"/teams/demo/accounts/{pk}/")
    page.locator("#cycles-stripe").get_by_text("Show as table").click()
    rows = page.locator("#cycles-stripe tbody tr").all_inner_texts()[1:]
    shown = [tuple(int(one.replace(",", "")) for one in row.split("\t")[1:3]) for row in rows]
    assert shown[: len(closed)] == [(one, two) for _, one, two in closed]
