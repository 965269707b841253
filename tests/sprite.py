"""The icon sprite, made of the vendored Lucide files: `python -m tests.sprite` writes it anew."""

import re
from pathlib import Path

STATIC = Path(__file__).resolve().parent.parent / "static"
ICONS = STATIC / "vendor" / "lucide-static"
SPRITE = STATIC / "img" / "icons.svg"


def symbol(icon: Path) -> str:
    """Return one Lucide file as a symbol; what it draws stays as published."""
    drawing = re.search(r"<svg[^>]*>(.*)</svg>", icon.read_text(), re.DOTALL)
    if drawing is None:
        raise ValueError(f"{icon.name} holds no drawing.")
    shapes = " ".join(drawing[1].split())
    return f'<symbol id="{icon.stem}" viewBox="0 0 24 24">{shapes}</symbol>'


def sprite() -> str:
    """Return the whole sprite, one symbol a line, in the order of the names."""
    symbols = "\n".join(symbol(icon) for icon in sorted(ICONS.glob("*.svg")))
    head = "<!-- Icons of lucide-static (ISC), see static/vendor/lucide-static/LICENSE -->"
    return f'{head}\n<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n'


if __name__ == "__main__":
    SPRITE.write_text(sprite())
