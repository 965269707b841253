"""What a person does in the browser, and how a test sees that it is done."""

import base64
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.waiting import WAIT

PICTURES = Path(__file__).resolve().parents[2] / "dashboard" / "overview" / "demo_pictures"

AT_REST = """() => document.readyState === 'complete'
  && !document.querySelector('.chart-canvas.loading, [hx-trigger="load"]')"""
INK = """(canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const counts = {};
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] !== 255) continue;
    const colour = `${data[at]},${data[at + 1]},${data[at + 2]}`;
    counts[colour] = (counts[colour] ?? 0) + 1;
  }
  return counts;
}"""
FILES = """(given) => {
  const carried = new DataTransfer();
  for (const { name, type, data } of given) {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    carried.items.add(new File([bytes], name, { type }));
  }
  return carried;
}"""
NOTE_PROGRESS = """() => {
  window.noted = [];
  const note = (kind, detail) => window.noted.push({ kind, ...detail });
  document.addEventListener('rembg:progress', ({ detail }) => note('progress', detail));
  const states = new MutationObserver((records) => {
    for (const { target } of records) note('state', { state: target.dataset.state });
  });
  states.observe(document.body, { subtree: true, attributeFilter: ['data-state'] });
}"""


def at_rest(page: Page) -> None:
    """Wait until a page has all that it loads by itself and its charts; see that none failed."""
    page.wait_for_function(AT_REST)
    expect(page.locator("[data-chart-failed]:visible")).to_have_count(0)


def charts_drawn(page: Page, chart: str, *others: str) -> None:
    """Wait until these charts stand, and whatever else the page loads by itself."""
    for one in (chart, *others):
        expect(page.locator(f"#{one} canvas")).to_be_visible()
    at_rest(page)


def ink(
    page: Page, chart: str, is_meant: Callable[[dict[str, int]], bool] = bool
) -> dict[str, int]:
    """Wait until a chart is painted as it is meant to be.

    Return how many opaque pixels of each colour it has, as {"0,114,178": 5210}.
    """
    deadline = time.monotonic() + WAIT
    while not is_meant(found := page.locator(f"#{chart} canvas").evaluate(INK)):
        assert time.monotonic() < deadline, found
        page.wait_for_timeout(50)
    return found


def much(least: int) -> Callable[[dict[str, int]], bool]:
    """Return whether so many pixels are painted, of whatever colour."""
    return lambda found: sum(found.values()) > least


def series_colour(page: Page, chart: str, series: str) -> str:
    """Return the colour of a series' swatch, as `ink` names colours."""
    swatch = page.locator(f"#{chart} .legend button", has_text=series).first.locator(".swatch")
    colour = swatch.evaluate("(one) => getComputedStyle(one).backgroundColor")
    return colour.removeprefix("rgb(").removesuffix(")").replace(" ", "")


def picture(name: str) -> str:
    """Return the path of one of the demo's pictures."""
    return str(PICTURES / name)


def carried(page: Page, *paths: str) -> object:
    """Return the DataTransfer of a drop or a paste, with these files in it."""
    given = [
        {"name": Path(path).name, "type": "image/jpeg", "data": encoded(path)} for path in paths
    ]
    return page.evaluate_handle(FILES, given)


def encoded(path: str) -> str:
    """Return a file in base64."""
    return base64.b64encode(Path(path).read_bytes()).decode()


def file_row(page: Page, name: str) -> Locator:
    """Return the row of a chosen file."""
    return page.locator(".file-row", has_text=name)


def choose(page: Page, *paths: str) -> None:
    """Choose files by the file chooser."""
    with page.expect_file_chooser() as chooser:
        page.locator("[data-upload-drop] input").click()
    chooser.value.set_files(list(paths))


def go(page: Page) -> None:
    """Send what was chosen."""
    page.locator("[data-upload-go]").click()


def in_state(row: Locator, state: str) -> None:
    """Wait until a row has a state."""
    expect(row).to_have_attribute("data-state", state)


def remove(page: Page, path: str) -> Locator:
    """Choose one picture, send it, and wait for its result."""
    choose(page, path)
    go(page)
    row = file_row(page, Path(path).name)
    in_state(row, "done")
    return row
