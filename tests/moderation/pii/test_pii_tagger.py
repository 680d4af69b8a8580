"""The direct forward pass finds what spaCy's own finds, whatever the text, and its products are plain products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.errors import InferenceError
from inference.store.model_store import ModelStore
from moderation.pii.recognisers.people.matmul import Linear, Maxout
from moderation.pii.recognisers.people.tagger import Tagger

SAMPLE = (
    "Anna Meyer of Apple Inc. in New York paid $ 3 million to Dr. Okafor on Monday . \n\n , Bank of America's the 3rd "
    "Lisbon Kwame and Jürgen Müller 😀 é e\u0301 \u200b U.S. 12:30 ( ) London-based"
)
WORDS = st.sampled_from(SAMPLE.split(" "))
TEXTS = st.lists(st.one_of(WORDS, st.text(max_size=8)), max_size=40).map(" ".join)


@pytest.fixture(scope="module")
def language() -> Any:
    try:
        path = ModelStore().path("en-core-web-md")
    except InferenceError as missing:
        pytest.skip(f"the NER model is not in the store: {missing}")
    return spacy.load(path, exclude=["tagger", "parser", "attribute_ruler", "lemmatizer", "senter", "tok2vec"])


@pytest.fixture(scope="module")
def tagger(language: Any) -> Tagger:
    return Tagger(language)


@pytest.mark.models
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS)
def test_the_entities_are_those_of_spacys_own_forward_pass(language: Any, tagger: Tagger, text: str) -> None:
    theirs = [(e.start_char, e.end_char, e.label_) for e in language(text).ents]
    assert tagger.entities(tagger.look(text)) == theirs


@pytest.mark.models
def test_something_is_found_at_all(tagger: Tagger) -> None:
    text = "Anna Meyer moved from Lisbon to New York."
    found = [(text[start:end], label) for start, end, label in tagger.entities(tagger.look(text))]
    assert found == [("Anna Meyer", "PERSON"), ("Lisbon", "GPE"), ("New York", "GPE")]


@pytest.mark.models
def test_a_model_that_is_built_otherwise_is_refused(language: Any) -> None:
    blank = spacy.blank("en")
    blank.add_pipe("ner").add_label("PERSON")
    blank.initialize()
    with pytest.raises(ValueError, match="token encoder"):
        Tagger(blank)


@pytest.mark.parametrize(("rows", "size", "out"), [(0, 96, 64), (1, 288, 288), (17, 480, 288), (40, 64, 384), (16, 7, 11)])
def test_a_product_in_blocks_is_the_product(rows: int, size: int, out: int) -> None:
    draw = np.random.default_rng(rows)
    x, weight, bias = (draw.standard_normal(shape).astype(np.float32) for shape in ((rows, size), (out, size), (out,)))
    assert np.allclose(Linear(weight, bias)(x), x @ weight.T + bias, atol=1e-4)


def test_maxout_takes_the_largest_piece_and_norms_it() -> None:
    draw = np.random.default_rng(3)
    x, weight, bias = (draw.standard_normal(shape).astype(np.float32) for shape in ((5, 12), (8, 3, 12), (8, 3)))
    best = (np.einsum("ni,opi->nop", x, weight) + bias).max(axis=2)
    normed = (best - best.mean(1, keepdims=True)) / best.std(1, keepdims=True)
    assert np.allclose(Maxout(weight, bias, np.full(8, 2, np.float32), np.ones(8, np.float32))(x), 2 * normed + 1, atol=1e-4)
