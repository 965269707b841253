"""The start page: says what this is, and which keys do what."""

from __future__ import annotations

import html
from pathlib import Path
from string import Template

from dashboard.sandbox import errors
from dashboard.sandbox.segmentation import NO_MODEL

FOLDER = Path(__file__).parent
PAGE = Template((FOLDER / "page.html").read_text(encoding="utf-8"))
STYLE = (FOLDER / "page.css").read_bytes()
POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
ACCOUNTS = {
    "sandbox-premium": "Premium-20000, 18,500 credits a cycle and 2,000 prepaid. Its cycles follow"
    " Stripe; 13 months of history, the running cycle about half used.",
    "sandbox-premium-2": "A second key of the same account: the same numbers.",
    "sandbox-calendar": "Premium-5000, not synced with Stripe: UTC calendar months.",
    "sandbox-switch": "Premium-10000, fell back to calendar months twice, over three renewals and"
    " within a cycle, and is synced again: windows that overlap, each credit in one of them only.",
    "sandbox-idle": "Premium-5000 with unused cycles in between, one and three in a row: the list"
    " ends the cycles before them too late.",
    "sandbox-late": "Premium-5000; each renewal's webhook comes a day late, and until then the old"
    " cycle counts.",
    "sandbox-upgrade": "Upgraded in mid-cycle, twice in the last year and again in 40 days; each"
    " time the renewal moves, and the label and allowance change.",
    "sandbox-stale": "Premium-10000; one answer about usage in eight is two hours old.",
    "sandbox-free": "Free, 50 credits a calendar month, little history.",
    "sandbox-<name>": "Any other name is a fresh premium account without history; its cycles are"
    " anchored to the second it was first seen.",
}
FAULTS = {
    "degraded": "Answers 200 with a small picture (at most 460 × 460 px). Costs a credit.",
    "slow": "Answers after SANDBOX_SLOW seconds (5), then drips for as long. Costs a credit.",
    "truncated": "The connection closes after half of the body. A removal costs a credit.",
    "reset": "The connection is reset in place of an answer. Costs nothing.",
    "html": "Answers 200 with an HTML page. Costs nothing.",
    "garbage": "Answers 200 with bytes that are no picture, and JSON that breaks off.",
    "redirect": "Answers 302 to another host.",
    "flaky": "The first call fails with 503, the next ones work, until a minute passes without.",
}


def render(*, host: str, model: str) -> bytes:
    """The page as HTML; `host` is the address that it was asked at, `model` the model's name."""
    rows = {row.id: f"{row.status} · {row.sentence}" for row in errors.TABLE.values()}
    missing = "No model: pictures get a plain cut. Fetch the model with"
    content = PAGE.substitute(
        host=html.escape(host),
        model_class="missing" if model == NO_MODEL else "ready",
        model=missing if model == NO_MODEL else f"Model: {html.escape(model)}. To fetch it anew:",
        accounts=_rows(ACCOUNTS),
        faults=_rows({f"sandbox-fault-{name}": text for name, text in FAULTS.items()}),
        table=_rows({f"sandbox-fault-{name}": text for name, text in rows.items()}),
    )
    return content.encode()


def _rows(texts: dict[str, str]) -> str:
    return "\n".join(
        f'<tr><th scope="row"><code>{html.escape(key)}</code></th><td>{html.escape(text)}</td></tr>'
        for key, text in texts.items()
    )
