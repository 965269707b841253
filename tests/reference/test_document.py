"""The page says what the gateway's own document says, and what the leaf of each error advises."""

import pytest

from dashboard.gateway.openapi import document
from dashboard.reference.document import endpoints, groups
from dashboard.rembg.errors import RembgError, named

DOCUMENT = document(site_url="https://here.example")
ROWS = {row.code: row for group in groups(DOCUMENT) for row in group.rows}
# Of each call: what the form offers, and what has its own control or is sent for nothing.
OFFERED = {
    "rmbg": {"format", "w", "h", "exact_resize", "mask", "bg_color", "angle", "expand"},
    "membership-usage": {"year", "month", "periodStartUnix", "expand"},
    "openapi": set(),
}
OTHERS = {
    "rmbg": {"Idempotency-Key"},
    "membership-usage": {"includeBillingCycle", "listBillingCycles"},
    "openapi": set(),
}


@pytest.mark.parametrize("name", OFFERED)
def test_a_call_offers_its_parameters(name):
    parameters = {one.name: one for one in endpoints()[name].parameters}

    assert set(parameters) == OFFERED[name] | OTHERS[name]
    assert all(one.rule and one.kind for one in parameters.values())


def test_a_parameter_says_its_default_and_its_values_where_they_are_few():
    parameters = {one.name: one for one in endpoints()["rmbg"].parameters}

    assert parameters["format"].options == ("webp", "png", "jpeg", "bmp")
    assert parameters["format"].default == "webp"
    assert parameters["expand"].options == ("true", "false")
    assert (parameters["expand"].default, parameters["angle"].default) == ("true", "0")
    assert parameters["w"].options == parameters["bg_color"].options == ()
    assert parameters["Idempotency-Key"].place == "header"


def test_a_call_says_what_comes_back():
    rmbg, usage, whole = endpoints().values()

    assert {one.name for one in rmbg.answers} >= {"200", "400", "401", "429", "502", "504"}
    headers = {one.name for one in (*rmbg.headers, *usage.headers)}
    assert headers >= {"X-Credits-Charged", "X-Request-Id", "X-Budget-Remaining", "Retry-After"}
    assert headers >= {"X-As-Of", "X-Credits-Since", "X-Notice", "Idempotent-Replayed"}
    fields = {one.name for one in usage.fields}
    assert fields >= {"membership", "billingCycle.appUsage", "billingCycles[].periodEndUnix"}
    assert fields >= {"virtualKey.cap", "sinceReading.credits"}
    assert len(usage.examples) == 4
    assert (rmbg.takes_key, rmbg.takes_picture) == (True, True)
    assert (whole.takes_key, whole.takes_picture) == (False, False)


def test_every_error_of_the_document_has_a_leaf_with_advice():
    assert len(ROWS) > 60
    for code in ROWS:
        leaf = named(code)
        assert leaf.code == code
        assert leaf.to_program != RembgError.to_program, code


def test_an_error_without_a_leaf_does_not_break_the_page():
    value = {"error": "New.", "status": 418, "code": "new", "request_id": "x"}
    example = {"summary": "Something new", "value": value}
    content = {"application/json": {"examples": {"new": example}}}
    path = {"get": {"responses": {"418": {"content": content}}}}

    (group,) = groups({"paths": {"/new": path}})

    assert group.rows[0].advice == RembgError.to_program


@pytest.mark.parametrize(
    ("code", "charged"),
    [
        *((code, "unknown") for code in ("no_answer", "upload_cut", "answer_timeout")),
        ("upstream_error", "unknown"),
        *((code, "no") for code in ("size_type", "bad_key", "over_budget", "unreachable", "busy")),
    ],
)
def test_a_row_says_what_it_cost(code, charged):
    assert ROWS[code].charged == charged
