"""The accounts of a team as rows of a table: a team may have fifty, and the page 20 ms."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from dashboard.lib.credit_numbers import since
from dashboard.overview.cards import AccountCard
from dashboard.usage import phrases

ROW = "overview/account_row.html"
NUMBERS = ("remaining", "app_usage", "api_usage", "prepaid")


def rows(cards: Iterable[AccountCard]) -> SafeString:
    """Return the rows as HTML: the template makes one, with places to fill, and not fifty."""
    read, unread = render_to_string(f"{ROW}#read"), render_to_string(f"{ROW}#unread")
    number, of = phrases.numbers(), _("of %(total)s")
    return SafeString(
        "".join(
            (read if one.standing.is_read else unread).format_map(_cells(one, number, of))
            for one in cards
        )
    )


def _cells(card: AccountCard, number: Callable[[int | None], str], of: str) -> dict[str, str]:
    """Return what fills the places of a row, escaped."""
    one = card.standing
    cells = {name: number(getattr(one, name)) for name in NUMBERS}
    cells |= {f"{name}_is": _look(getattr(one, name)) for name in NUMBERS}
    cells |= {
        "row_is": "stale" if one.stale else "",
        "url": card.url,
        "label": one.label,
        "plan": one.plan,
        "kind": card.kind,
        "word": card.word,
        "of_included": "" if one.included is None else of % {"total": number(one.included)},
        "cycle": card.cycle or number(None),
        "cycle_is": _look(one.window),
        "renews": card.renews,
        "lasts": card.lasts,
        "lasts_url": card.lasts_url,
        # A link without a word would be one that nobody can name.
        "lasts_is": "" if card.lasts else "hidden",
        "source_url": card.source_url,
        "read": card.read,
    }
    return {"since": _since(one.since), **{name: escape(text) for name, text in cells.items()}}


def _since(count: int) -> str:
    return format_html('<span class="sub">{}</span>', since(count)) if count else ""


def _look(value: object | None) -> str:
    return "unknown" if value is None else ""
