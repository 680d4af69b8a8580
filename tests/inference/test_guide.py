"""Answers that follow a schema, from the real SmolLM2: whatever the schema, the sampling and the neighbours."""

from __future__ import annotations

import json
import threading
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference import Message, Prompt, SchemaFailed, SchemaInvalid
from inference.engine.constrained_decoding import Guide, GuideFailed
from tests.inference.conftest import ask

pytestmark = pytest.mark.models

QUESTION = Prompt((Message("user", "Describe a bond fund as JSON."),), reuse="t1")
NAMES = ["name", "isin", "risk", "fee", "a key", "größe"]

texts = st.text(st.characters(max_codepoint=0x3FFFF, codec="utf-8", exclude_categories=["Cc"]), max_size=6)
leaves = st.one_of(
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.builds(
        lambda low, more: {"type": "integer", "minimum": low, "maximum": low + more},
        st.integers(-50, 50),
        st.integers(0, 900),
    ),
    st.builds(lambda most: {"type": "string", "maxLength": most}, st.integers(0, 12)),
    st.builds(
        lambda values: {"enum": values},
        st.lists(texts | st.integers(-(2**53), 2**53), min_size=1, max_size=3, unique_by=str),
    ),
    st.just({"type": "string", "pattern": "^[A-Z]{2}[0-9]{4}$"}),
)


def objects(of: Any) -> Any:
    def made(properties: dict[str, Any], needed: int) -> dict[str, Any]:
        required = list(properties)[:needed]
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    return st.builds(made, st.dictionaries(st.sampled_from(NAMES), of, max_size=3), st.integers(0, 3))


def arrays(of: Any) -> Any:
    return st.builds(lambda items, most: {"type": "array", "items": items, "maxItems": most}, of, st.integers(0, 2))


schemas = st.recursive(
    leaves, lambda of: objects(of) | arrays(of) | st.builds(lambda a, b: {"anyOf": [a, b]}, of, of), max_leaves=5
)


def follows(text: str, schema: dict[str, Any]) -> None:
    jsonschema.validate(json.loads(text), schema, cls=jsonschema.Draft202012Validator)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(schemas, st.sampled_from([0.0, 1.5]), st.integers(0, 99))
def test_every_answer_parses_and_follows_its_schema(
    engine: Any, schema: dict[str, Any], temperature: float, seed: int
) -> None:
    whole = ask(engine, QUESTION, max_tokens=600, temperature=temperature, seed=seed, schema=json.dumps(schema))[1]
    assert whole.finish_reason == "stop"
    follows(whole.text, schema)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(schemas, min_size=3, max_size=6))
def test_answers_together_are_those_of_answers_one_by_one(engine: Any, several: list[dict[str, Any]]) -> None:
    """With and without a schema in the same steps, guesses and a known beginning included."""
    asked = [*(json.dumps(schema) for schema in several), None]
    engine.guess(False)
    alone = [ask(engine, Prompt(QUESTION.messages), max_tokens=80, schema=schema)[1] for schema in asked]
    engine.guess(True)
    together: dict[int, Any] = {}
    threads = [
        threading.Thread(
            target=lambda i=i, s=s: together.update({i: ask(engine, QUESTION, max_tokens=80, schema=s)[1]})  # type: ignore[misc]
        )
        for i, s in enumerate(asked)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[index] for index in range(len(asked))] == alone


def test_guesses_obey_the_schema_and_are_made(engine: Any) -> None:
    """The schema's own words stand in the prompt, so that they are guessed; what may not follow is never even tried."""
    schema = {"enum": [{"name": "Halden Bond Fund", "currency": "EUR", "share class": "accumulating, hedged"}]}
    prompt = Prompt((Message("user", f"Repeat this: {json.dumps(schema['enum'][0])}"),))
    before = engine.load_now()
    whole = ask(engine, prompt, max_tokens=80, schema=json.dumps(schema))[1]
    follows(whole.text, schema)
    if engine.fast:
        guessed = engine.load_now().drafted - before.drafted
        assert 0 < guessed / 2 < engine.load_now().drafted_true - before.drafted_true
    guide = engine._grammars.guide(json.dumps({"enum": [True]}))
    right, wrong = engine.tokenizer.encode("true"), engine.tokenizer.encode("maybe")
    assert guide.possible([*right, *wrong]) == right
    assert guide.possible(wrong) == []


def test_without_a_schema_the_same_question_is_answered_freely(engine: Any) -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(ask(engine, QUESTION, max_tokens=20)[1].text)


def test_a_stop_token_is_allowed_only_where_the_answer_is_whole(engine: Any) -> None:
    guide = engine._grammars.guide('{"type": "boolean"}')
    nothing = np.zeros(engine._grammars._size, np.float32)

    def allowed() -> set[int]:
        return set(np.flatnonzero(np.isfinite(guide.allow(nothing))).tolist())

    assert not allowed() & engine.tokenizer.special_ids
    for token in engine.tokenizer.encode("true"):
        assert token in allowed()
        guide.take(token)
    assert allowed() <= engine.tokenizer.stops
    with pytest.raises(GuideFailed):
        guide.take(engine.tokenizer.encode("maybe")[0])


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ("{", "is not JSON"),
        ("[]", "is list, not an object"),
        ('{"type": "nope"}', "Invalid type: nope"),
        ('{"enum": []}', "anyOf is empty"),
        ('{"type": "array", "uniqueItems": true}', "uniqueItems"),
        ('{"type": "string", "pattern": "(?=a)"}', "look-around"),
        ('{"$ref": "#/nowhere"}', "nowhere"),
        ('{"enum": [-9223372036854775808]}', "beyond 2\\*\\*53"),
        ('{"maximum": 1e999}', "beyond 2\\*\\*53"),
        ('{"items": ' * 70 + "{}" + "}" * 70, "deeper than 64 levels"),
        ('{"items": ' * 3000 + "{}" + "}" * 3000, "deeper than 64 levels"),
        ('{"title": "' + "x" * 70_000 + '"}', "70013 characters"),
        ('{"enum": ["\\ud800"]}', "half of a surrogate pair"),
        ('{"enum": ["\U000aa271"]}', r"'\\U000aa271', which this model cannot write"),
    ],
)
def test_a_schema_that_cannot_be_followed_is_refused_in_one_line(engine: Any, schema: str, why: str) -> None:
    with pytest.raises(SchemaInvalid, match=why) as refused:
        ask(engine, QUESTION, schema=schema)
    assert "\n" not in str(refused.value)
    assert engine.load_now().active == engine.load_now().waiting == 0


def test_a_grammar_that_fails_on_the_way_ends_its_own_answer_alone(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Guide, logits: Any) -> Any:
        raise GuideFailed("a limit was reached")

    monkeypatch.setattr(Guide, "allow", fails)
    free = engine.stream(QUESTION, _sampling(max_tokens=40), threading.Event())
    next(free)
    with pytest.raises(SchemaFailed, match=r"held to its schema \(a limit was reached\)"):
        ask(engine, QUESTION, schema='{"type": "boolean"}')
    assert sum(delta.tokens for delta in free) > 5


def _sampling(**fields: Any) -> Any:
    from inference import Sampling

    return Sampling(**fields)
