"""Take the pictures that the README shows: `python -m tests.browser.screenshots URL docs`.

URL is a running `make demo`. Each picture is a PNG of at most 250 KB.
"""

import sys
from collections.abc import Callable
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.deeds import charts_drawn
from tests.browser.people import signed_in

MOST_BYTES = 250_000
COLOURS = (256, 192, 128, 96, 64)
GAP = 32


def account(page: Page) -> None:
    """Open the account with the most history."""
    page.goto("/teams/demo/")
    page.get_by_role("link", name="Production").click()
    charts_drawn(page, "burn-down", "use-chart", "cycles-stripe")


def account_by_day(page: Page) -> None:
    """Open it with its days, which come when they are scrolled to."""
    account(page)
    page.locator("#use-chart canvas").wait_for()
    charts_drawn(page)


def removal(page: Page) -> None:
    """Open the comparison of a picture with its result."""
    page.goto("/teams/demo/removals/")
    page.locator("#recent tbody a", has_text="sneaker.jpg").first.click()
    page.locator("[data-compare] img").last.evaluate("(image) => image.decode()")


def overview(page: Page) -> None:
    """Open the team at a glance, its thumbnails loaded."""
    page.goto("/teams/demo/")
    page.wait_for_load_state("networkidle")


def removals(page: Page) -> None:
    """Open the page that takes pictures."""
    page.goto("/teams/demo/removals/")
    page.wait_for_load_state("networkidle")


def shot(
    browser: Browser, cookies: list[dict], url: str, opened: Callable[[Page], None], **look
) -> Image.Image:
    """Return what a page looks like."""
    width, height = look.pop("size")
    context = browser.new_context(
        base_url=url,
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
        **look,
    )
    context.add_cookies(cookies)
    page = context.new_page()
    opened(page)
    image = Image.open(BytesIO(page.screenshot())).convert("RGB")
    context.close()
    return image


def beside(images: list[Image.Image]) -> Image.Image:
    """Return phones beside each other."""
    width = sum(image.width for image in images) + GAP * (len(images) + 1)
    sheet = Image.new("RGB", (width, images[0].height + 2 * GAP), "#8a8f99")
    left = GAP
    for image in images:
        sheet.paste(image, (left, GAP))
        left += image.width + GAP
    return sheet


def save(image: Image.Image, path: Path) -> None:
    """Write a picture, with fewer colours where it would be too large."""
    image.save(path, optimize=True)
    if path.stat().st_size <= MOST_BYTES:
        return
    for colours in COLOURS:
        palette = image.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=0)
        palette.save(path, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            return
    raise SystemExit(f"{path} is larger than {MOST_BYTES} bytes")


@contextmanager
def chromium():
    """Start the system's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def main(url: str, folder: Path) -> None:
    """Take every picture."""
    phone = {"size": (390, 844), "device_scale_factor": 1.25}
    with signed_in(url, "owner@demo.example") as owner, chromium() as browser:

        def take(opened: Callable[[Page], None], **look) -> Image.Image:
            return shot(browser, owner.cookies, url, opened, **look)

        large = {"size": (1440, 1575)}
        save(take(account_by_day, **large), folder / "account.png")
        save(take(account_by_day, **large, color_scheme="dark"), folder / "account-dark.png")
        save(take(overview, size=(1440, 1000)), folder / "overview.png")
        save(take(removal, size=(1440, 1000)), folder / "removal.png")
        phones = [take(one, color_scheme="dark", **phone) for one in (overview, account, removals)]
        save(beside(phones), folder / "phone.png")


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), Path(sys.argv[2]))
