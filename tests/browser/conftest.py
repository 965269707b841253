"""The product as `make demo` starts it, with its own data, in the system's Chromium."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.people import Person, signed_in, signed_up
from tests.demo import Demo, running, seeded
from tests.waiting import WAIT as SECONDS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = ["--disable-quic", "--disable-background-networking", "--disable-gpu"]
FLAGS += ["--no-sandbox"] if os.getuid() == 0 else []
AXE = (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text()
WAIT = 1000 * SECONDS  # In milliseconds, for what a page does by itself.
# What the console says, through htmx and for a `fetch`, where a server or the line is cut off.
UNREACHABLE = (
    "htmx:afterRequest",
    "htmx:sendError",
    "ERR_FAILED",
    "ERR_INTERNET_DISCONNECTED",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder; skip them without a Chromium."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason="no Chromium on this machine"))


# Package, not session: Playwright's event loop must be gone before other tests use the database.
@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run a copy of the demo that this run of the tests has seeded."""
    with running(seeded(tmp_path_factory)) as demo:
        yield demo


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium once."""
    expect.set_options(timeout=WAIT)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def people(demo: Demo) -> Iterator[dict[str, Person]]:
    """The four people of the demo, signed in once for all tests: nobody signs out of these."""
    with ExitStack() as stack:
        yield {
            role: stack.enter_context(signed_in(demo.url, f"{role}@demo.example"))
            for role in ("owner", "admin", "member", "viewer")
        }


@pytest.fixture
def newcomer(demo: Demo) -> Iterator[Person]:
    """Somebody with an empty team of their own."""
    with signed_up(demo.url, "newcomer") as person:
        yield person


@pytest.fixture
def visit(browser: Browser, demo: Demo, people: dict[str, Person]) -> Iterator:
    """Open pages as somebody: `visit("owner", "/teams/demo/", theme="dark", width=390)`.

    What the console of any of them complains about, and the test has not said it `provokes`, is an
    error of the test.
    """
    contexts, pages = [], []

    def opened(
        who: Person | str | None,
        path: str = "/",
        *,
        theme: str = "light",
        width: int = 1440,
        **options,
    ) -> Page:
        context = browser.new_context(
            base_url=demo.url,
            color_scheme=theme,
            viewport={"width": width, "height": 900},
            reduced_motion="reduce",
            bypass_csp=False,
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(WAIT)
        if who:
            context.add_cookies((people[who] if isinstance(who, str) else who).cookies)
        context.on("page", lambda page: pages.append(listen(page)))
        page = context.new_page()
        page.goto(path)
        return page

    yield opened
    found = [one for page in pages for one in complaints(page)]
    for context in contexts:
        context.close()
    assert found == []


def listen(page: Page) -> Page:
    """Keep what the console says went wrong in `page.complaints`."""
    page.complaints, page.provoked = [], []
    page.on("console", lambda message: note(page, message))
    page.on("pageerror", lambda error: page.complaints.append(f"error: {error}"))
    return page


def note(page: Page, message: ConsoleMessage) -> None:
    """Keep a complaint, with the address that could not be loaded if it is about one."""
    if message.type == "error":
        page.complaints.append(f"{message.text} {message.location.get('url', '')}")


def provokes(page: Page, *words: str) -> None:
    """Say that the test provokes complaints with these words in them, now or later."""
    page.provoked.extend(words)


def complaints(page: Page) -> list[str]:
    """Return what was complained about without being provoked, and what comes with a round trip."""
    if not page.is_closed():
        page.evaluate("0")
    return [one for one in page.complaints if not any(word in one for word in page.provoked)]


def violations(page: Page) -> list[str]:
    """Return what axe-core finds on this page, one line a finding."""
    assert complaints(page) == []
    provokes(page, "Applying inline style")  # From here on: axe does, and the policy forbids it.
    # Evaluated through the debugger's protocol: the page's own policy stays in force.
    page.evaluate(AXE)
    found = page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{finding['id']}: {node['target']} {node['failureSummary'].splitlines()[-1]}"
        for finding in found
        for node in finding["nodes"]
    ]
