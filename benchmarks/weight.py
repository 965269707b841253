"""Script and style that a page loads, as gzip sends them (wanted: at most 150 KB)."""

import gzip
import re
from urllib.parse import urljoin

import requests

from benchmarks import demo

LINKS = (
    re.compile(r'<script[^>]+src="([^"]+)"'),
    re.compile(r'<link[^>]+rel="stylesheet"[^>]+href="([^"]+)"'),
)
IMPORTS = (
    re.compile(r'(?:import|from)\s*"(\./[^"]+)"'),
    re.compile(r'@import\s+url\("?([^")]+)"?\)'),
)


def main() -> None:
    with demo.running() as (url, session):
        pages = {
            "overview": "/teams/demo/",
            "account (charts)": demo.account_path(url, session),
            "removals (upload)": "/teams/demo/removals/",
        }
        for name, path in pages.items():
            files = loaded(session, url, path)
            total = sum(files.values())
            print(f"{name}: {total / 1000:.1f} KB in {len(files)} files; wanted: at most 150")


def loaded(session: requests.Session, url: str, path: str) -> dict[str, int]:
    """Return the files that the page and its modules name, with their gzipped sizes in bytes."""
    page = session.get(url + path, timeout=10)
    page.raise_for_status()
    waiting = [urljoin(page.url, link) for rule in LINKS for link in rule.findall(page.text)]
    found: dict[str, int] = {}
    while waiting:
        address = waiting.pop()
        if address in found:
            continue
        answer = session.get(address, timeout=10)
        answer.raise_for_status()
        found[address] = len(gzip.compress(answer.content, 9))
        waiting += [
            urljoin(address, link) for rule in IMPORTS for link in rule.findall(answer.text)
        ]
    return found


if __name__ == "__main__":
    main()
