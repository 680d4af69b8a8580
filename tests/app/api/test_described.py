"""What /openapi.json says is so: any request that it allows, and many that it does not, are answered as it says.

The kind of fault: the description promises what the service refuses, keeps quiet of an answer, or a request nobody thought
of is answered with 500. Bodies are drawn from the description's own schemas and spoilt.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api.openapi import document
from app.web.reveal import SHORTEST_REASON
from tests.app.conftest import Site

DESCRIBED = document()
OPERATIONS = [(path, method) for path, methods in DESCRIBED["paths"].items() for method in methods]
ROLES = ["caller", "auditor", "administrator", "other administrator", ""]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
PLACES = st.one_of(
    st.sampled_from(
        ["1", "0", "-1", "9" * 30, "countersign", "q_" + "1" * 32, "d_" + "a" * 32, "..", "%00", "é", "x" * 500, "%ff"]
    ),
    st.text(st.characters(exclude_characters="/?#", exclude_categories=("Cs",)), min_size=1, max_size=12),
)


def of(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values as a schema of the description allows them, near enough."""
    if "$ref" in schema:
        return of(DESCRIBED["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return st.one_of([of(one) for one in schema[word]])
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    match schema.get("type"):
        case "object":
            known = {name: of(one) for name, one in schema.get("properties", {}).items()}
            needed = {name: known.pop(name) for name in schema.get("required", []) if name in known}
            return st.fixed_dictionaries(needed, optional=known)
        case "array":
            return st.lists(of(schema.get("items", {})), min_size=schema.get("minItems", 0), max_size=4)
        case "string" if "pattern" in schema:
            return st.from_regex(schema["pattern"], fullmatch=True)
        case "string" if schema.get("format") == "date":
            return st.dates().map(str)
        case "string":
            least = schema.get("minLength", 0)
            return st.text(min_size=least, max_size=least + 20)
        case "integer":
            return st.integers(schema.get("minimum", -(2**31)), schema.get("maximum", 2**31 - 1))
        case "number":
            return st.floats(schema.get("minimum", -1e6), schema.get("maximum", 1e6), allow_nan=False)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    return JSON


@st.composite
def bodies(draw: st.DrawFn, schema: dict[str, Any]) -> Any:
    """One of the schema, or the same with something taken out, changed or added, or any JSON."""
    body = draw(of(schema))
    match draw(st.integers(0, 5)):
        case 0:
            return draw(JSON)
        case 1 if isinstance(body, dict) and body:
            body = dict(body)
            body[draw(st.sampled_from(sorted(body)))] = draw(JSON)
        case 2 if isinstance(body, dict) and body:
            body = {name: value for name, value in body.items() if name != draw(st.sampled_from(sorted(body)))}
        case 3 if isinstance(body, dict):
            body = {**body, draw(st.text(max_size=8)): draw(JSON)}
    return body


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=lambda part: str(part))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_answer_is_one_that_the_description_names(cold: Site, path: str, method: str, data: st.DataObject) -> None:
    operation = DESCRIBED["paths"][path][method]
    address = path
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            address = address.replace(f"{{{parameter['name']}}}", data.draw(PLACES))
    role = data.draw(st.sampled_from(ROLES))
    asked: dict[str, Any] = {"headers": cold.bearer(role) if role else {}}
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        asked["json"] = data.draw(bodies(content["application/json"]["schema"]))
    elif content:
        asked["data"] = data.draw(
            st.dictionaries(st.sampled_from(["file", "reason", "name", "access", "x"]), st.text(max_size=9))
        )
        asked["content_type"] = "multipart/form-data"
    answer = cold.client().open(address, method=method.upper(), **asked)
    if answer.status_code == 308 or (answer.status_code == 404 and "{" in path):
        return  # what stands in the path made it another address
    assert str(answer.status_code) in operation["responses"], answer.text
    assert answer.status_code != 500, answer.text
    if answer.status_code >= 400 and answer.status_code != 503:
        assert answer.mimetype == "application/problem+json"


def test_what_needs_no_key_says_so() -> None:
    keyless = {path for path, _ in OPERATIONS if not path.startswith("/v1/")}
    assert keyless == {"/healthz", "/readyz", "/metrics"}
    for path, method in OPERATIONS:
        assert (DESCRIBED["paths"][path][method].get("security") == []) == (path in keyless), path


def test_a_reason_is_as_long_as_it_must_be() -> None:
    assert DESCRIBED["components"]["schemas"]["RevealRequest"]["properties"]["reason"]["minLength"] == SHORTEST_REASON


@pytest.mark.parametrize("status", ["405", "408", "409", "410", "421"])
def test_answers_that_are_easily_forgotten_are_named(status: str) -> None:
    named = {path for path, method in OPERATIONS if status in DESCRIBED["paths"][path][method]["responses"]}
    assert "/v1/audit/queries/{query_id}/reveal" in named


@pytest.mark.parametrize(
    ("version", "fits"), [(1, True), (1.0, True), (2.0, True), (1.5, False), ("1", False), (True, False)]
)
def test_a_whole_number_is_an_integer_however_it_is_written(cold: Site, version: Any, fits: bool) -> None:
    """As JSON Schema means it, and as languages without integers write it."""
    body = {"reason": "an error in the new one", "version": version}
    answer = cold.client().post("/v1/documents/d_none/restore", json=body, headers=cold.bearer("administrator"))
    assert (answer.status_code != 422) == fits, answer.text


def test_an_event_stream_says_what_its_events_are() -> None:
    for path in ("/v1/chat", "/v1/chat/completions"):
        stream = DESCRIBED["paths"][path]["post"]["responses"]["200"]["content"]["text/event-stream"]["schema"]
        assert "Server-sent events" in stream["description"]
