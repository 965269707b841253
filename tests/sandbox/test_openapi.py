"""The OpenAPI document of RemBG's wire, and the sandbox held against it."""

import json

import pytest
import requests
from openapi_spec_validator import OpenAPIV31SpecValidator

from dashboard.rembg.parameters import PARSERS
from tests.conformance import KINDS, OPERATIONS, PICTURES, ask_once, problems
from tests.conftest import ROOT, WAIT
from tests.sandbox.box import Box
from tests.sandbox.test_error_table import ROWS

WIRE = json.loads((ROOT / "dashboard" / "openapi.json").read_text(encoding="utf-8"))


def operation(name: str) -> dict:
    path, method = OPERATIONS[name]
    return WIRE["paths"][path][method.lower()]


def answer(name: str, status: str) -> dict:
    """What an operation may answer, references followed."""
    found = operation(name)["responses"][status]
    reference = found.get("$ref", "").rpartition("/")[2]
    return WIRE["components"]["responses"][reference] if reference else found


def examples(name: str, status: str) -> dict[str, dict]:
    content = answer(name, status)["content"]["application/json"]
    return {each: example["value"] for each, example in content["examples"].items()}


def test_the_document_is_valid_openapi_3_1():
    assert WIRE["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(WIRE).iter_errors()] == []


@pytest.mark.parametrize(("name", "status", "sentence"), ROWS, ids=[row[0] for row in ROWS])
def test_every_row_of_the_error_table_is_an_example_word_for_word(name, status, sentence):
    found = examples("removeBackground", str(status))[name]

    assert found == {"error": sentence, "status": status}


def test_several_wrong_fields_have_an_example_too():
    found = examples("removeBackground", "400")["several_fields"]

    assert found["error"] == "Multiple validation errors"
    assert [each["field"] for each in found["details"]] == ["w", "angle"]


def test_every_parameter_is_described():
    form = WIRE["components"]["schemas"]["RemovalRequest"]
    wanted = {"image", "return_base64", *PARSERS}

    assert form["required"] == ["image"]
    assert set(form["properties"]) == wanted
    assert all(each["description"] for each in form["properties"].values())


def test_the_rules_of_the_parameters_are_those_of_the_contract():
    form = WIRE["components"]["schemas"]["RemovalRequest"]["properties"]
    rules = ("type", "enum", "default", "minimum", "maximum")
    side = {"type": "integer", "minimum": 0, "maximum": 10000}
    no, yes = {"type": "boolean", "default": False}, {"type": "boolean", "default": True}

    found = {name: {r: each[r] for r in rules if r in each} for name, each in form.items()}

    assert found == {
        "image": {"type": "string"},
        "format": {"type": "string", "enum": ["webp", "png", "jpeg", "bmp"], "default": "webp"},
        "w": side,
        "h": side,
        "exact_resize": no,
        "mask": no,
        "bg_color": {"type": "string"},
        "angle": {"type": "number", "minimum": -360, "maximum": 360, "default": 0},
        "expand": yes,
        "return_base64": no,
    }


def test_every_mode_of_the_usage_call_is_described():
    references = [each["$ref"] for each in operation("getMembershipUsage")["parameters"]]
    names = [reference.rpartition("/")[2] for reference in references]

    assert names == [
        "year",
        "month",
        "periodStartUnix",
        "expand",
        "includeBillingCycle",
        "listBillingCycles",
    ]
    assert {"calendar_month", "billing_cycle", "past_cycle", "list"} <= set(
        examples("getMembershipUsage", "200")
    )


def test_each_call_names_its_host():
    hosts = {
        path: [each["url"] for each in item["servers"]] for path, item in WIRE["paths"].items()
    }

    assert hosts == {
        "/rmbg": ["https://api.rembg.com"],
        "/api/membership-usage": ["https://www.rembg.com"],
        "/api/openapi": ["https://www.rembg.com"],
    }


def test_the_key_goes_into_the_header_and_nowhere_else():
    schemes = WIRE["components"]["securitySchemes"]

    assert [(each["type"], each["in"], each["name"]) for each in schemes.values()] == [
        ("apiKey", "header", "x-api-key")
    ]
    assert WIRE["security"] == [{"apiKey": []}]
    assert operation("getOpenApi")["security"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_success_may_be_a_picture_of_each_format(kind):
    assert f"image/{kind}" in answer("removeBackground", "200")["content"]


def test_the_sandbox_answers_with_the_document_and_asks_for_no_key(box: Box):
    found = requests.get(f"{box.url}/api/openapi", timeout=WAIT)

    assert found.headers["Content-Type"] == "application/json"
    assert found.json() == WIRE


def test_the_sandbox_does_what_the_document_says(box: Box, fresh, tmp_path):
    found = problems(WIRE, url=box.url, headers={"x-api-key": fresh}, folder=tmp_path)

    assert not found, found


@pytest.mark.parametrize("name", ["removeBackground", "getMembershipUsage"])
@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("", 401),
        ("11111111-2222-3333-4444-555555555555", 401),
        ("sandbox-fault-unverified", 403),
        ("sandbox-fault-rate_short", 429),
        ("sandbox-fault-rate_monthly", 429),
    ],
)
def test_the_sandbox_turns_keys_away_as_the_document_says(box: Box, name, key, status):
    found = ask_once(WIRE, name, url=box.url, headers={"x-api-key": key})

    assert found.status_code == status


@pytest.mark.parametrize("kind", KINDS)
def test_the_sandbox_gives_each_format_back(box: Box, fresh, kind):
    found = ask_once(
        WIRE,
        "removeBackground",
        url=box.url,
        headers={"x-api-key": fresh},
        body={"image": PICTURES[kind], "format": kind},
        media_type="multipart/form-data",
    )

    assert found.headers["content-type"] == [f"image/{kind}"]


@pytest.mark.parametrize("key", ["sandbox-premium", "sandbox-calendar", "sandbox-switch"])
@pytest.mark.parametrize(
    "query",
    [
        {"year": 2026, "month": 3},
        {"expand": "billing_cycle"},
        {"includeBillingCycle": "true"},
        {"listBillingCycles": "1"},
    ],
)
def test_the_sandbox_answers_each_mode_of_the_usage_call_as_the_document_says(box: Box, key, query):
    headers = {"x-api-key": key}

    found = ask_once(WIRE, "getMembershipUsage", url=box.url, headers=headers, query=query).json()

    assert ("billingCycles" in found) == ("listBillingCycles" in query)
    assert ("billingCycle" in found) == bool({"expand", "includeBillingCycle"} & query.keys())
