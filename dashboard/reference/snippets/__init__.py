"""A call written down in the languages that people send it from; each snippet runs as it stands.

A snippet reads the key from the environment (`API_KEY`, as the documents of rembg.js do), so that
no secret is pasted into a program.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dashboard.reference.snippets.call import ApiCall, SnippetPicture
from dashboard.reference.snippets.curl import curl
from dashboard.reference.snippets.http import http
from dashboard.reference.snippets.node import node
from dashboard.reference.snippets.php import php
from dashboard.reference.snippets.python import python

__all__ = ["LANGUAGES", "ApiCall", "Language", "SnippetPicture"]


@dataclass(frozen=True)
class Language:
    """A language of snippets: what it is called, where a snippet goes, and who writes it."""

    name: str
    label: str
    note: str
    write: Callable[[ApiCall], str]


LANGUAGES = {
    language.name: language
    for language in (
        Language("curl", "cURL", "export API_KEY=rbk_…", curl),
        Language("http", "HTTP", "", http),
        Language("python", "Python", "pip install requests", python),
        Language("node", "Node", "npm i @remove-background-ai/rembg.js", node),
        Language("php", "PHP", "", php),
    )
}
