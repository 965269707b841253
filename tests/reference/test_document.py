"""The page says what the gateway's own document says, and nothing else."""

import pytest

from dashboard.gateway.openapi import document
from dashboard.reference import guide
from dashboard.reference.endpoints import ENDPOINTS, HEADERS

DOCUMENT = document(site_url="https://here.example")
ROWS = [row for group in guide.groups(DOCUMENT) for row in group.rows]
CODES = {row.code: row for row in ROWS}


def resolved(part):
    while "$ref" in part:
        found = DOCUMENT
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def operation(endpoint):
    return DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]


def answers():
    for endpoint in ENDPOINTS.values():
        for answer in operation(endpoint)["responses"].values():
            yield resolved(answer)


def errors() -> dict[str, dict]:
    found = {}
    for answer in answers():
        for name, example in (
            answer["content"].get("application/json", {}).get("examples", {}).items()
        ):
            value = resolved(example)["value"]
            if "error" in value:
                found[name] = value
    return found


def test_every_endpoint_of_the_document_has_its_place():
    ours = {(one.path, one.method.lower()) for one in ENDPOINTS.values()}
    theirs = {
        (path, method)
        for path, item in DOCUMENT["paths"].items()
        for method in item.keys() & {"get", "post", "put", "delete"}
    }

    assert ours == theirs


def test_every_error_has_a_row_with_its_sentence():
    for value in errors().values():
        assert (value["code"], value["status"], value["error"]) in {
            (row.code, row.status, row.sentence) for row in ROWS
        }


def test_every_error_has_advice_and_no_advice_is_left_over():
    assert set(guide.ADVICE) == set(errors())


def test_an_error_without_advice_does_not_break_the_page():
    value = {"error": "New.", "status": 418, "code": "new", "request_id": "x"}
    example = {"summary": "Something new", "value": value}
    content = {"application/json": {"examples": {"new": example}}}
    path = {"get": {"responses": {"418": {"content": content}}}}

    (group,) = guide.groups({"paths": {"/new": path}})

    assert group.rows[0].advice is guide.UNADVISED


@pytest.mark.parametrize("code", ["no_answer", "upload_cut", "answer_timeout", "upstream_error"])
def test_what_may_have_cost_a_credit_says_so(code):
    assert CODES[code].charged == "unknown"


@pytest.mark.parametrize("code", ["size_type", "bad_key", "over_budget", "unreachable", "busy"])
def test_what_is_refused_or_never_sent_costs_nothing(code):
    assert CODES[code].charged == "no"


@pytest.mark.parametrize("name", ["rmbg", "membership-usage"])
def test_parameters_are_those_of_the_document(name):
    endpoint = ENDPOINTS[name]
    described = [resolved(one) for one in operation(endpoint).get("parameters", ())]
    found = {one["name"]: (one["in"], one["schema"]) for one in described}
    if endpoint.takes_picture:
        form = operation(endpoint)["requestBody"]["content"]["multipart/form-data"]["schema"]
        fields = resolved(form)["properties"]
        found |= {name: ("form", resolved(schema)) for name, schema in fields.items()}
        # The picture has a control of its own; the other one rembg.js sends for nothing.
        del found["image"], found["return_base64"]

    assert {(one.name, one.place) for one in endpoint.parameters} == {
        (name, place) for name, (place, _schema) in found.items()
    }
    for parameter in endpoint.parameters:
        default = found[parameter.name][1].get("default")
        if default is not None:
            assert parameter.default == str(default).lower()


def test_headers_are_those_of_the_document():
    named = {name for answer in answers() for name in answer.get("headers", {})}

    assert {header.name for header in HEADERS} == named
