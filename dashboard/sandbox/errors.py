"""The error table of the RemBG API, word for word, and the refusals made from it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

Headers = tuple[tuple[str, str], ...]
# What is wrong: the request parameter, empty when none is to blame, and the sentence.
Problem = tuple[str, str]


class Refusal(Exception):
    """A request that is answered with an error and costs nothing."""

    def __init__(self, status: int, problems: list[Problem], headers: Headers = ()) -> None:
        super().__init__(status)
        self.status, self.problems, self.headers = status, problems, headers

    def document(self) -> dict[str, Any]:
        """The JSON body: one sentence, or RemBG's list when several fields are wrong."""
        if len(self.problems) == 1:
            return {"error": self.problems[0][1], "status": self.status}
        details = [{"field": name, "message": message} for name, message in self.problems]
        error = "Multiple validation errors"
        return {"error": error, "details": details, "status": self.status}


@dataclass(frozen=True)
class Row:
    """A row of RemBG's error reference; `sample` fills the template as the reference prints it."""

    status: int
    template: str
    sample: dict[str, object] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        return self.template.format(**self.sample)


TEXT = Path(__file__).with_name("errors.json").read_text(encoding="utf-8")
TABLE = {name: Row(*row) for name, row in json.loads(TEXT).items()}


def row(name: str, parameter: str = "", /, headers: Headers = (), **values: object) -> Refusal:
    """A refusal by a row of the table, about these values or else the reference's sample."""
    found = TABLE[name]
    sentence = found.template.format(**(values or found.sample))
    return Refusal(found.status, [(parameter, sentence)], headers)


def plain(status: int, message: str = "", parameter: str = "", headers: Headers = ()) -> Refusal:
    """A refusal that the table has no row for (404, 413 and the like), in the same JSON form."""
    return Refusal(status, [(parameter, message or HTTPStatus(status).phrase)], headers)


def busy(message: str) -> Refusal:
    """A refusal for the moment: the same call works in a few seconds."""
    return plain(503, message, headers=(("Retry-After", "1"),))


def echo(text: str) -> str:
    """What was sent, safe to quote in a sentence: at most 20 characters, none of them invisible."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:20])


def read_each(
    readers: Mapping[str, Callable[[str, str], object]], texts: Mapping[str, str]
) -> tuple[dict[str, Any], list[Problem]]:
    """The values of the texts that have a reader, and all that is wrong with them."""
    values, problems = {}, []
    for name, read in readers.items():
        if name in texts:
            try:
                values[name] = read(name, texts[name])
            except Refusal as exc:
                problems += exc.problems
    return values, problems
