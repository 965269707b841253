"""The keyboard suffices: everything is reached, one sees where one is, and menus close."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import violations


def focused(page: Page) -> str:
    """Return what has the focus, in a few words."""
    return page.evaluate(
        """() => {
          const one = document.activeElement;
          const label = one.getAttribute('aria-label') ?? one.labels?.[0]?.textContent ?? '';
          const words = label || one.textContent || one.name || one.tagName;
          return words.trim().replace(/\\s+/g, ' ').slice(0, 60);
        }"""
    )


# Notes how what has the focus looks, and says whether what had it before looks different now.
COMPARE_LOOKS = """() => {
  const look = (one) => {
    const marks = [];
    for (let step = 0; step < 3 && one && one !== document.body; step += 1) {
      const { outline, boxShadow, backgroundColor, borderColor } = getComputedStyle(one);
      marks.push([outline, boxShadow, backgroundColor, borderColor].join());
      one = one.parentElement;
    }
    return marks.join(';');
  };
  const { element, marks } = window.before ?? {};
  const changed = !element || !element.isConnected || look(element) !== marks;
  window.before = { element: document.activeElement, marks: look(document.activeElement) };
  return changed;
}"""


def tabbed(page: Page, most: int = 60) -> dict[str, bool]:
    """Press Tab through the page; return what gets the focus, and whether one can see that."""
    marked: dict[str, bool] = {}
    last = ""
    for _ in range(most):
        page.keyboard.press("Tab")
        shown = page.evaluate(COMPARE_LOOKS)
        if last:
            marked[last] = shown
        if page.evaluate("document.activeElement === document.body"):
            break
        last = focused(page)
    return marked


def test_the_first_tab_skips_to_the_content(visit):
    page = visit("owner", "/teams/demo/removals/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    box = page.locator(".skip").bounding_box()
    assert box["y"] >= 0
    assert box["width"] > 50
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_tab_reaches_everything_and_shows_where_it_is(visit):
    page = visit("owner", "/teams/demo/removals/")

    marked = tabbed(page)

    reached = " | ".join(marked)
    for name in ("Overview", "Settings", "Your account", "Drop pictures here", "Width in pixels"):
        assert name in reached
    for name in ("Exact size", "White", "Angle in degrees", "Whose", "mug.jpg"):
        assert name in reached
    assert [name for name, shown in marked.items() if not shown] == []


def test_the_slider_and_the_menus_are_worked_by_keyboard(visit):
    page = visit("owner", "/teams/demo/removals/")
    page.locator("#recent tbody a").first.click()
    expect(page.locator("[data-compare]")).to_be_visible()
    assert "How much of the original" in " | ".join(tabbed(page))

    page.goto("/teams/demo/keys/")
    for menu in (page.get_by_label("Actions for").first, page.locator(".rail .person summary")):
        menu.focus()
        page.keyboard.press("Enter")
        panel = menu.locator("xpath=following-sibling::*[1]")
        expect(panel).to_be_visible()
        page.keyboard.press("Tab")
        assert panel.evaluate("(panel) => panel.contains(document.activeElement)")
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        expect(menu).to_be_focused()


def test_the_menu_of_a_phone_holds_all_pages(visit):
    page = visit("owner", "/teams/demo/", width=390)
    expect(page.locator(".rail")).to_be_hidden()

    page.get_by_label("Menu", exact=True).click()
    names = ("Overview", "Accounts", "Statements", "Removals", "Keys", "Virtual keys", "Members")
    for name in (*names, "Audit", "Settings", "API reference"):
        link = page.locator(".topbar").get_by_role("link", name=name, exact=True)
        expect(link).to_be_visible()
    expect(page.locator(".topbar").get_by_role("button", name="Sign out")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(page.locator(".topbar").get_by_role("link", name="Keys", exact=True)).to_be_hidden()
