"""The gateway's OpenAPI document, as the page shows it: its calls, and what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dashboard.gateway.openapi import Document, document
from dashboard.rembg.errors import Fact, named

KINDS: dict[str, str | Promise] = {
    "string": _("text"),
    "integer": _("integer"),
    "number": _("number"),
    "boolean": _("true or false"),
}
# The parts of the error guide, in their order; a leaf says in which one it stands.
TITLES: dict[str, str | Promise] = {
    "picture": _("The picture"),
    "field": _("The fields"),
    "key": _("The key"),
    "limit": _("Limits and budgets"),
    "again": _("Sent again"),
    "usage": _("Questions about usage"),
    "site": _("This site cannot do it now"),
    "way": _("RemBG, and the way to it"),
}


@dataclass(frozen=True)
class Field:
    """A name and what it stands for: of a header, of a field of an answer, of a status."""

    name: str
    what: str


@dataclass(frozen=True)
class Parameter:
    """Something that a request may say; `options` are its values where they are few."""

    name: str
    place: str
    rule: str
    kind: str | Promise
    default: str = ""
    options: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, place: str, schema: Document, rule: str) -> Parameter:
        """Read a parameter's schema."""
        kind = str(schema.get("type", ""))
        options = schema.get("enum") or (kind == "string" and schema.get("examples")) or ()
        return cls(
            name=name,
            place=place,
            rule=rule,
            kind=KINDS.get(kind, kind),
            default=str(schema["default"]).lower() if "default" in schema else "",
            options=("true", "false") if kind == "boolean" else tuple(options),
        )

    @property
    def is_wide(self) -> bool:
        """Whether its value is longer than a number or a word."""
        return self.place == "header"


@dataclass(frozen=True)
class Endpoint:
    """One address of the gateway: what it takes and what it answers."""

    name: str
    method: str
    path: str
    title: str
    summary: str
    text: str
    parameters: tuple[Parameter, ...]
    answers: tuple[Field, ...]
    headers: tuple[Field, ...]
    fields: tuple[Field, ...]
    examples: tuple[Field, ...]
    takes_key: bool
    takes_picture: bool


@dataclass(frozen=True)
class ErrorRow:
    """An error as it is answered, with what its leaf says of it."""

    code: str
    status: int
    sentence: str
    scenario: str
    advice: str
    charged: Fact
    is_first: bool  # Of its code: the page can point to it.


@dataclass(frozen=True)
class Group:
    """A part of the guide."""

    name: str
    title: str | Promise
    rows: list[ErrorRow] = field(default_factory=list)


@cache
def endpoints() -> dict[str, Endpoint]:
    """Return the calls of the document by the last word of their path."""
    made = document(site_url="")
    summaries = {tag["name"]: tag["description"] for tag in made["tags"]}
    found = {}
    for path, method, operation in _operations(made):
        name = path.rpartition("/")[2]
        answers = {
            status: _resolved(answer, made) for status, answer in operation["responses"].items()
        }
        found[name] = Endpoint(
            name=name,
            method=method.upper(),
            path=path,
            title=operation["summary"],
            summary=summaries[operation["tags"][0]],
            text=operation["description"],
            parameters=tuple(_parameters(operation, made)),
            answers=tuple(
                Field(status, each["description"]) for status, each in sorted(answers.items())
            ),
            headers=_headers(answers, made),
            fields=tuple(_fields(_json(answers["200"]).get("schema", {}), made)),
            examples=tuple(
                Field(each["summary"], json.dumps(each["value"], indent=2))
                for each in _json(answers["200"]).get("examples", {}).values()
            ),
            takes_key=operation.get("security") != [],
            takes_picture="requestBody" in operation,
        )
    return found


def groups(made: Document) -> list[Group]:
    """Return the errors of a document, each sentence once, by what they are about."""
    found = {name: Group(name, title) for name, title in TITLES.items()}
    seen: set[tuple[str, str]] = set()
    for example in _errors(made):
        value = example["value"]
        code, sentence = value["code"], value["error"]
        if (code, sentence) in seen:
            continue
        leaf = named(code)
        row = ErrorRow(
            code=code,
            status=value["status"],
            sentence=sentence,
            scenario=example["summary"],
            advice=leaf.to_program,
            charged=leaf.charged if leaf.code == code else "no",
            is_first=all(code != each for each, _sentence in seen),
        )
        found[leaf.group].rows.append(row)
        seen.add((code, sentence))
    return [group for group in found.values() if group.rows]


def _operations(made: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in made["paths"].items():
        for method in item.keys() & {"get", "post"}:
            yield path, method, item[method]


def _parameters(operation: Document, made: Document) -> Iterator[Parameter]:
    """Fields of the form, then of query and headers; what is deprecated is not offered."""
    body = operation.get("requestBody", {"content": {}})["content"]
    form = _resolved(body.get("multipart/form-data", {}).get("schema", {}), made)
    for name, schema in form.get("properties", {}).items():
        if schema.get("format") != "binary" and not schema.get("deprecated"):
            yield Parameter.of(name, "form", schema, schema["description"])
    for reference in operation.get("parameters", ()):
        one = _resolved(reference, made)
        yield Parameter.of(one["name"], one["in"], one["schema"], one["description"])


def _headers(answers: dict[str, Document], made: Document) -> tuple[Field, ...]:
    """Each header once, whichever answers carry it."""
    headers = {
        name: _resolved(header, made)["description"]
        for answer in answers.values()
        for name, header in answer.get("headers", {}).items()
    }
    return tuple(Field(name, what) for name, what in headers.items())


def _fields(schema: Document, made: Document, within: str = "") -> Iterator[Field]:
    """Fields of a JSON answer with their paths, as deep as they are described."""
    schema = _resolved(schema, made)
    for part in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from _fields(part, made, within)
    for name, reference in schema.get("properties", {}).items():
        one = _resolved(reference, made)
        path = f"{within}{name}"
        if "description" in one:
            yield Field(path, one["description"])
        yield from _fields(one.get("items", one), made, f"{path}{'[]' * ('items' in one)}.")


def _errors(made: Document) -> Iterator[Document]:
    """Every example of an error in the document, with its summary."""
    for _path, _method, operation in _operations(made):
        for answer in operation["responses"].values():
            for example in _json(_resolved(answer, made)).get("examples", {}).values():
                if "error" in (found := _resolved(example, made))["value"]:
                    yield found


def _json(answer: Document) -> Document:
    content: Document = answer["content"].get("application/json", {})
    return content


def _resolved(part: Document, made: Document) -> Document:
    """Return what a reference within the document stands for."""
    while "$ref" in part:
        found: Any = made
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part
