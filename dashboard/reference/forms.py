"""What the reference page is asked for: the values of a request, and a key to borrow."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.reference.document import Endpoint
from dashboard.reference.snippets import LANGUAGES, ApiCall, SnippetPicture

MAX_VALUE = 200


class ConsoleForm(forms.Form):
    """The values of one endpoint's request, right or wrong: the gateway judges them.

    Names and sizes of a file come from the page's script; the file itself never does.
    """

    language = forms.ChoiceField(
        required=False, choices=[(name, one.label) for name, one in LANGUAGES.items()]
    )
    image = forms.CharField(required=False, max_length=1000)
    size = forms.IntegerField(required=False, min_value=0)

    def __init__(self, data: Any, *, endpoint: Endpoint) -> None:
        super().__init__(data)
        self.endpoint = endpoint
        for parameter in endpoint.parameters:
            self.fields[parameter.name] = forms.CharField(required=False, max_length=MAX_VALUE)

    def value(self, name: str) -> str:
        """Return what was given, "" where it is missing or too long to be repeated."""
        self.is_valid()
        return str(self.cleaned_data.get(name) or "")

    @property
    def chosen(self) -> str:
        """Return the language, the first one where none is known."""
        return self.value("language") or next(iter(LANGUAGES))

    def call(self, base: str) -> ApiCall:
        """Return the request that these values make; what is empty is not sent."""
        given = [(one, self.value(one.name)) for one in self.endpoint.parameters]
        picture = SnippetPicture.named(self.value("image"), self.cleaned_data.get("size"))
        return ApiCall(
            base=base,
            method=self.endpoint.method,
            path=self.endpoint.path,
            pairs=tuple((p.name, text) for p, text in given if text and p.place != "header"),
            headers=tuple((p.name, text) for p, text in given if text and p.place == "header"),
            picture=picture if self.endpoint.takes_picture else None,
            takes_key=self.endpoint.takes_key,
        )
