"""Where a text stands among a prompt's tokens."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import Message, Prompt
from inference.text.places import token_spans

pytestmark = pytest.mark.models
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_the_tokens_of_a_text_spell_it_with_what_its_first_and_last_token_spell_besides(
    engine: Any, texts: list[str]
) -> None:
    marked = [f"[{number}]{text}." for number, text in enumerate(texts)]
    tokens = engine.tokens(Prompt((Message("user", "\n".join(marked)),)))
    spans = token_spans(engine.tokenizer, tokens, marked)
    assert spans is not None
    for (first, end), text in zip(spans, marked, strict=True):
        wanted = b"".join(engine.tokenizer.token_bytes(one) for one in engine.tokenizer.encode(text))
        spelt = b"".join(engine.tokenizer.token_bytes(one) for one in tokens[first:end])
        assert wanted in spelt
        assert wanted not in b"".join(engine.tokenizer.token_bytes(one) for one in tokens[first : end - 1])
    assert all(one[1] <= other[0] + 1 for one, other in pairwise(spans)), "in the order of the texts"


def test_special_tokens_spell_nothing_that_a_text_could_be(engine: Any) -> None:
    tokens = engine.tokens(Prompt((Message("user", "hello"),)))
    assert token_spans(engine.tokenizer, tokens, ["<|im_start|>"]) is None
    assert token_spans(engine.tokenizer, tokens, ["hello", "hello"]) is None, "it stands there once"
