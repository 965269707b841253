"""The OpenAPI document of the gateway, and the gateway held against it."""

import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
from openapi_spec_validator import OpenAPIV31SpecValidator

from dashboard.gateway import openapi, refusals
from dashboard.rembg import errors
from dashboard.rembg.errors import RembgError
from dashboard.rembg.parameters import PARSERS
from tests.conformance import KINDS, OPERATIONS, PICTURES, ask_once, problems
from tests.conftest import ROOT, WAIT, running_sandbox
from tests.removals.house import TOKEN, House
from tests.sandbox.test_error_table import ROWS

SITE = "https://rembg.example.com"
WIRE = json.loads((ROOT / "dashboard" / "openapi.json").read_text(encoding="utf-8"))
OURS = openapi.document(site_url=SITE)
PATHS = [path for path, _method in OPERATIONS.values()]
KEY = {"x-api-key": "rbk_nothing"}
CAP = 400
ISSUE = f"""
import django; django.setup()
from django.core.management import call_command
call_command("pollusage")
for label in ("A", "B", "API"):
    call_command("issuekey", "acme", "mel@example.com", "--label", label, "--cap", "{CAP}")
"""
API = "/api/v1/teams/acme"


def all_answers() -> Iterator[tuple[str, str, dict]]:
    """Every answer of every call: operation, status, and the answer with references followed."""
    for name, (path, method) in OPERATIONS.items():
        for status, answer in OURS["paths"][path][method.lower()]["responses"].items():
            reference = answer.get("$ref", "").rpartition("/")[2]
            yield name, status, OURS["components"]["responses"].get(reference, answer)


def all_errors() -> dict[str, dict]:
    """Every example of an error, by its code."""
    return {
        example["value"]["code"]: example["value"]
        for _, _, answer in all_answers()
        for content in answer["content"].values()
        for example in content.get("examples", {}).values()
        if "error" in example["value"]
    }


ERRORS = all_errors()


def test_the_document_is_valid_openapi_3_1():
    assert OURS["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(OURS).iter_errors()] == []


def test_it_is_made_anew_each_time_and_leaves_the_wire_alone():
    openapi.document(site_url=SITE)["paths"].clear()

    assert openapi.document(site_url=SITE) == OURS
    assert "x-rembg-servers" not in json.dumps(WIRE)


def test_every_call_goes_to_this_site_and_rembgs_hosts_can_still_be_read():
    assert [each["url"] for each in OURS["servers"]] == [SITE]
    assert list(OURS["paths"]) == PATHS
    for path in PATHS:
        assert "servers" not in OURS["paths"][path]
        assert OURS["paths"][path]["x-rembg-servers"] == WIRE["paths"][path]["servers"]


def test_every_call_keeps_its_name_and_its_fields():
    names = [OURS["paths"][path][method.lower()] for path, method in OPERATIONS.values()]

    assert [each["operationId"] for each in names] == list(OPERATIONS)
    assert set(PARSERS) < set(OURS["components"]["schemas"]["RemovalRequest"]["properties"])
    assert OURS["components"]["parameters"].items() > WIRE["components"]["parameters"].items()


@pytest.mark.parametrize(("name", "status", "sentence"), ROWS, ids=[row[0] for row in ROWS])
def test_every_row_of_the_error_table_is_an_example_word_for_word(name, status, sentence):
    found = ERRORS[name]

    assert (found["status"], found["error"]) == (status, sentence)


def test_every_answer_says_what_it_cost_and_what_to_call_it_by():
    for name, status, answer in all_answers():
        assert {"X-Credits-Charged", "X-Request-Id"} <= set(answer["headers"]), (name, status)


def test_every_error_has_a_code_and_a_request_id():
    for code, error in ERRORS.items():
        assert error["request_id"], code
        assert 400 <= error["status"] < 600, code


SAMPLES = {refusals.NotAllowed.code: refusals.NotAllowed.of("bg_color")}
# What is answered elsewhere than at the addresses that the document names.
ELSEWHERE = (refusals.GatewayRefusal, refusals.MethodNotAllowed, refusals.WrongAddress)


@pytest.mark.parametrize(
    "leaf", [leaf for leaf in refusals.GatewayRefusal.family() if leaf not in ELSEWHERE]
)
def test_every_refusal_of_the_gateway_is_an_example_word_for_word(leaf):
    refusal = SAMPLES.get(leaf.code) or leaf()

    found = ERRORS[refusal.code]

    assert (found["status"], found["error"]) == (refusal.http_status, refusal.message)


# Without the web server's own, which it says before the gateway is asked.
ON_THE_WAY = {code for code, error in ERRORS.items() if error["status"] > 500} - {"busy"}


@pytest.mark.parametrize("leaf", [leaf for leaf in RembgError.family() if leaf.code in ON_THE_WAY])
def test_what_can_fail_on_the_way_is_told_in_the_words_that_are_used(leaf):
    found = ERRORS[leaf.code]

    assert (found["status"], found["error"]) == (leaf.http_status, leaf.sentence)


def test_every_failure_on_the_way_is_told():
    kinds = (errors.NotSent, errors.OutcomeUnknown, errors.BadAnswer)
    told = {leaf.code for kind in kinds for leaf in kind.__subclasses__() if leaf.code in ERRORS}

    assert told > {"unreachable", "connect_timeout", "tls_error", "breaker_open", "over_budget"}
    assert told > {each.code for each in errors.OutcomeUnknown.__subclasses__()} - {
        "source_changed"
    }
    assert told > {each.code for each in errors.BadAnswer.__subclasses__()}


@dataclass(frozen=True)
class Gateway:
    """A running gateway, a virtual key for it, its document, and what its JSON API can be asked."""

    url: str
    key: str
    document: dict
    browser: requests.Session
    parameters: dict[str, str]


def parameters(browser: requests.Session, url: str) -> dict[str, str]:
    """Name an account, keys, a cycle and a month that there are."""

    def read(path: str) -> dict:
        return browser.get(f"{url}{API}/{path}", timeout=WAIT).json()

    keys = {one["label"]: one["id"] for one in read("virtual-keys")["virtual_keys"]}
    account = read("accounts")["accounts"][0]["id"]
    return {
        "ACCOUNT_ID": account,
        "KEY_ID": keys["A"],
        "OTHER_KEY_ID": keys["B"],
        "CYCLE": read(f"accounts/{account}/statements")["statements"][-1]["key"],
        "MONTH": read("statements")["months"][-1],
    }


@pytest.fixture(scope="module")
def gateway(tmp_path_factory) -> Iterator[Gateway]:
    """Run the whole site as it is run in production, with a virtual key of Mel's."""
    folder = tmp_path_factory.mktemp("gateway")
    with running_sandbox(folder / "shed", model=folder / "none.onnx") as sandbox:
        house = House(folder, sandbox)
        try:
            house.web()
            key = house.run([sys.executable, "-c", ISSUE]).split()[-1]
            url = f"http://127.0.0.1:{house.port}"
            answer = requests.get(f"{url}/api/openapi", timeout=60)
            assert answer.status_code == 200, answer.text
            yield Gateway(url, key, answer.json(), house.session, parameters(house.session, url))
        finally:
            for process in house.processes:
                house.stop(process, how=signal.SIGKILL)
            house.session.close()


def test_the_gateway_answers_with_the_document_and_asks_for_no_key(gateway):
    assert gateway.document == openapi.document(site_url=gateway.url)


def test_the_gateway_does_what_the_document_says(gateway, tmp_path):
    headers = {"x-api-key": gateway.key}

    found = problems(gateway.document, url=gateway.url, headers=headers, folder=tmp_path)

    assert not found, found


@pytest.mark.parametrize("tag", ["usage", "virtual keys", "budgets", "statements"])
def test_the_json_api_does_what_its_document_says(gateway, tmp_path, tag):
    document = gateway.browser.get(f"{gateway.url}/api/v1/openapi.json", timeout=WAIT).json()
    cookies = "; ".join(f"{name}={value}" for name, value in gateway.browser.cookies.items())
    headers = {"Cookie": cookies, "X-CSRFToken": TOKEN}
    only = ("--include-tag", tag)

    found = problems(
        document, *only, url=gateway.url, headers=headers, folder=tmp_path, **gateway.parameters
    )

    assert not found, found


@pytest.mark.parametrize("kind", KINDS)
def test_the_gateway_gives_each_format_back_and_says_what_it_cost(gateway, kind):
    body = {"image": PICTURES[kind], "format": kind}
    headers = {"x-api-key": gateway.key}

    found = ask_once(
        gateway.document,
        "removeBackground",
        url=gateway.url,
        headers=headers,
        body=body,
        media_type="multipart/form-data",
    )

    assert found.headers["content-type"] == [f"image/{kind}"]
    assert found.headers["x-credits-charged"] == ["1"]
    assert int(found.headers["x-budget-remaining"][0]) < CAP


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"year": 2026, "month": 3},
        {"expand": "billing_cycle"},
        {"includeBillingCycle": "true"},
        {"listBillingCycles": "1"},
    ],
)
def test_the_gateway_answers_each_mode_of_the_usage_call_as_the_document_says(gateway, query):
    headers = {"x-api-key": gateway.key}

    found = ask_once(
        gateway.document, "getMembershipUsage", url=gateway.url, headers=headers, query=query
    ).json()

    assert ("billingCycles" in found) == ("listBillingCycles" in query)
    assert ("billingCycle" in found) == bool({"expand", "includeBillingCycle"} & query.keys())
    assert ("virtualKey" in found) == ("billingCycles" not in found) == ("sinceReading" in found)


@pytest.mark.parametrize("name", ["removeBackground", "getMembershipUsage"])
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        pytest.param({}, "missing_key", id="no-key"),
        pytest.param(KEY, "bad_key", id="K9-broken-checksum"),
        pytest.param(
            {"x-api-key": "11111111-2222-3333-4444-555555555555"}, "rembg_key", id="K8-rembg-key"
        ),
    ],
)
def test_the_gateway_turns_keys_away_as_the_document_says(gateway, name, headers, code):
    found = ask_once(gateway.document, name, url=gateway.url, headers=headers)

    assert (found.status_code, found.json()["code"]) == (401, code)
    assert found.json()["error"] == ERRORS[code]["error"]
