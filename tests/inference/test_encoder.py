"""The sentence encoder: equal to transformers' golden vectors, whatever a text is batched with."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from inference import kernels
from inference.encoder import SentenceEncoder
from inference.store.model_store import ModelStore
from tests.inference.conftest import golden

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def plain() -> Any:
    """The encoder in float32, without the kernels."""
    return SentenceEncoder.load(ModelStore().path("all-minilm-l6-v2"), quantised=False)


def test_embeddings_are_those_of_transformers(encoder: Any, plain: Any) -> None:
    entries = golden("all-minilm-l6-v2")
    assert entries["digest"] == encoder.digest == plain.digest
    theirs = np.array([entry["vector"] for entry in entries["texts"]])
    for one, least in ((plain, 1e-4), (encoder, 4e-3)):
        ours = one.embed([entry["text"] for entry in entries["texts"]])
        assert np.max(1 - np.sum(ours * theirs, axis=1)) < least


def test_the_kernels_are_taken_where_they_can_run_and_only_there(encoder: Any, plain: Any) -> None:
    assert kernels.unavailable() is None  # CI has a compiler
    assert (encoder.runs_on, plain.runs_on) == (kernels.paths()[0], "xla")


def test_on_the_kernels_a_text_gives_the_same_bits_whatever_comes_beside_it(encoder: Any) -> None:
    texts = [f"text number {number} " * (number % 40 + 1) for number in range(45)]
    found = encoder.embed(texts)
    assert all(np.array_equal(encoder.embed([text])[0], row) for text, row in zip(texts, found, strict=True))


@pytest.mark.parametrize("which", ["encoder", "plain"])
def test_every_vector_has_unit_length_and_the_order_of_the_texts_is_kept(which: str, request: Any) -> None:
    encoder = request.getfixturevalue(which)
    texts = [f"text number {number} " * (number % 40 + 1) for number in range(45)]
    found = encoder.embed(texts)
    assert found.shape == (45, encoder.dimension)
    assert found.dtype == np.float32
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    for row in (0, 7, 44):
        assert np.abs(encoder.embed([texts[row]])[0] - found[row]).max() < 1e-5


def test_no_texts_give_no_vectors_and_an_empty_text_gives_one(encoder: Any) -> None:
    assert encoder.embed([]).shape == (0, 384)
    assert np.isclose(np.linalg.norm(encoder.embed([""])[0]), 1, atol=1e-5)


def test_like_meanings_lie_closer_than_unlike_ones(encoder: Any) -> None:
    fee, cost, cat = encoder.embed(["What does the fund cost?", "Fees and charges of the fund", "My cat is asleep"])
    assert fee @ cost > fee @ cat + 0.2


def test_threads_get_what_one_caller_gets(encoder: Any) -> None:
    texts = [f"thread {number}" for number in range(6)]
    alone = encoder.embed(texts)
    found = np.zeros_like(alone)

    def embed(row: int) -> None:
        found[row] = encoder.embed([texts[row]])[0]

    threads = [threading.Thread(target=embed, args=(row,)) for row in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.abs(found - alone).max() < 1e-5
