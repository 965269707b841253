"""What a person does in the browser, and how a test sees that it is done."""

import base64
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

PICTURES = Path(__file__).resolve().parents[2] / "dashboard" / "overview" / "demo_pictures"
LONG = 60_000  # A removal on a busy machine, in milliseconds.

DRAWN = """() => {
  const boxes = [...document.querySelectorAll('.chart-canvas')];
  return boxes.every((box) => !box.classList.contains('loading') && !box.hidden);
}"""
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


def charts_drawn(page: Page) -> None:
    """Wait until every chart of the page stands, and see that none failed."""
    page.wait_for_function(DRAWN)
    expect(page.locator("[data-chart-failed]:visible")).to_have_count(0)


def ink(page: Page, chart: str) -> dict[str, int]:
    """Return how many opaque pixels of each colour a chart has, as {"0,114,178": 5210}."""
    return page.locator(f"#{chart} canvas").evaluate(INK)


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
    expect(row).to_have_attribute("data-state", state, timeout=LONG)


def remove(page: Page, path: str) -> Locator:
    """Choose one picture, send it, and wait for its result."""
    choose(page, path)
    go(page)
    row = file_row(page, Path(path).name)
    in_state(row, "done")
    return row
