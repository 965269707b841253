"""The credits left as a small picture (SVG), written by us."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from dashboard.lib.template_tags import since_in_full
from dashboard.usage import formatting
from dashboard.usage.standing import Standing, total

FEW = 0.1
# Widths of Verdana's characters at 11 px, rounded up; what is not named is as wide as the widest.
NARROW, WIDE = frozenset("ijlI.,:;'|! "), frozenset("mwMW—≥@%")
WIDTHS = {"narrow": 4.4, "digit": 7.0, "wide": 11.0, "other": 7.4, "unknown": 13.0}
PADDING = 6
HEIGHT = 20
COLOURS = {"ok": "#146c43", "warn": "#855300", "bad": "#b3261e", "neutral": "#5a6170"}
LABEL_COLOUR = "#2b303b"


def credits_left(standings: Sequence[Standing]) -> tuple[str, str, str]:
    """Return a badge's label, its message and its state: credits that can be spent now.

    Where an account is unknown, or may be another one, the others are a lower bound; where all are
    unknown, so is the sum.
    """
    sums, label = total(standings), _("RemBG credits")
    if sums.spendable is None:
        return label, _("unknown"), "neutral"
    number = formatting.number(sums.spendable)
    message = f"≥ {number}" if sums.is_lower_bound else number
    if sums.stale:
        return label, _("%(credits)s (stale)") % {"credits": message}, "neutral"
    if sums.is_lower_bound:
        return label, message, "neutral"
    included = sum(one.included or 0 for one in standings if one.is_counted)
    few = sums.spendable <= included * FEW
    return label, message, "bad" if sums.spendable == 0 else "warn" if few else "ok"


def formula(standings: Sequence[Standing]) -> str:
    """Return how the number comes about, when its oldest part was read, and what came since."""
    told, sums = _("Included credits left + prepaid credits, each account once."), total(standings)
    if sums.undecided:
        told += " " + _("An account that may be the same as another one is not counted.")
    if sums.as_of is None:
        return told
    local = timezone.localtime(sums.as_of)
    when = f"{date_format(local, 'j M Y, H:i')} {local:%Z}".strip()
    read = _("Read: %(when)s.") % {"when": when}
    return f"{told} {read} {since_in_full(sums.since)}".rstrip()


def draw(label: str, message: str, state: str, told: str = "") -> str:
    """Return the picture; its text is escaped, fits, and is read out as its title.

    What is `told` stands in it as its description: where the number comes from.
    """
    left, right = width(label) + 2 * PADDING, width(message) + 2 * PADDING
    whole = left + right
    title = escape(f"{label}: {message}", {'"': "&quot;"})
    description = f"<desc>{escape(told)}</desc>" if told else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{HEIGHT}"'
        f' viewBox="0 0 {whole} {HEIGHT}" role="img" aria-label="{title}">'
        f"<title>{title}</title>{description}"
        f'<clipPath id="r"><rect width="{whole}" height="{HEIGHT}" rx="4"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="{HEIGHT}" fill="{LABEL_COLOUR}"/>'
        f'<rect x="{left}" width="{right}" height="{HEIGHT}" fill="{COLOURS[state]}"/></g>'
        '<g fill="#fff" text-anchor="middle" font-size="11"'
        ' font-family="Verdana,DejaVu Sans,Geneva,sans-serif">'
        f"{_text(label, left / 2)}{_text(message, left + right / 2)}</g></svg>\n"
    )


def width(text: str) -> int:
    """Return how wide a text is drawn, in pixels; the text is fitted to exactly this."""
    return round(sum(WIDTHS[_kind(character)] for character in text))


def _text(text: str, middle: float) -> str:
    # textLength holds the drawn width to ours, whatever font the reader has.
    fitted = f'textLength="{width(text)}" lengthAdjust="spacingAndGlyphs"'
    return f'<text x="{middle:g}" y="14" {fitted}>{escape(text)}</text>'


def _kind(character: str) -> str:
    if character in NARROW or character == "\N{NO-BREAK SPACE}":
        return "narrow"
    if character in WIDE:
        return "wide"
    if character.isdigit():
        return "digit"
    return "other" if character.isascii() or character.isalpha() else "unknown"
