"""The parts that need no model: stop strings, sampling, batching."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.encoder import BATCHES, LENGTHS, SINGLE, plan
from inference.engine.sampling import Sampler, nucleus
from inference.engine.stop_strings import StopFilter
from inference.errors import PromptInvalid
from inference.text.chat_template import ChatTemplate
from inference.types import Message, Sampling
from inference.weights.conversion import quantise_rows

texts = st.text(alphabet="abEND \n", max_size=40)


@given(st.lists(texts, max_size=8), st.lists(st.text("abEND", min_size=1, max_size=4), max_size=3))
def test_however_text_is_cut_the_stop_filter_shows_what_comes_before_the_first_stop(
    chunks: list[str], stops: list[str]
) -> None:
    whole = "".join(chunks)
    stop = StopFilter(tuple(stops))
    shown = "".join([*(stop.feed(chunk) for chunk in chunks), stop.close()])
    assert whole.startswith(shown)
    assert not any(word in shown for word in stops)
    assert stop.stopped == any(word in whole for word in stops)
    if not stop.stopped:
        assert shown == whole


def test_the_stop_filter_holds_back_no_more_than_it_must() -> None:
    stop = StopFilter(("<end>",))
    assert stop.feed("price <e") == "price "
    assert stop.feed("uro>") == "<euro>"


def test_greedy_takes_the_likeliest_and_the_lower_id_at_a_tie() -> None:
    assert Sampler(Sampling()).choose(np.array([0, 3, 3, 1], np.float32)) == 1


def test_the_same_seed_draws_the_same_tokens_and_another_seed_others() -> None:
    logits = np.random.default_rng(0).normal(size=5000).astype(np.float32)

    def drawn(seed: int) -> list[int]:
        sampler = Sampler(Sampling(temperature=1.0, top_p=0.9, seed=seed))
        return [sampler.choose(logits) for _ in range(20)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_sampling_follows_the_probabilities() -> None:
    shares = np.array([0.5, 0.3, 0.15, 0.05])
    sampler = Sampler(Sampling(temperature=1.0, seed=3))
    drawn = [sampler.choose(np.log(shares).astype(np.float32)) for _ in range(4000)]
    found = np.bincount(drawn, minlength=4) / len(drawn)
    assert np.abs(found - shares).max() < 0.03


@given(st.integers(0, 2**32 - 1), st.integers(1, 2000), st.floats(0.01, 0.999))
def test_the_nucleus_is_the_smallest_set_that_reaches_top_p(seed: int, size: int, top_p: float) -> None:
    shares = np.random.default_rng(seed).dirichlet(np.full(size, 0.3))
    kept = nucleus(shares, top_p)
    slowly = np.argsort(-shares, kind="stable")
    assert kept.tolist() == slowly[: len(kept)].tolist()
    assert shares[kept].sum() >= min(top_p, shares.sum()) - 1e-9
    assert shares[kept[:-1]].sum() < top_p


@pytest.mark.parametrize("bad", [{"max_tokens": 0}, {"temperature": -1}, {"top_p": 0}, {"stop": ("",)}])
def test_a_sampling_that_makes_no_sense_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"Sampling.{next(iter(bad))}"):
        Sampling(**bad)  # type: ignore[arg-type]


@given(st.lists(st.integers(0, max(LENGTHS)), max_size=150))
def test_batches_hold_every_text_once_and_in_shapes_that_are_compiled(lengths: list[int]) -> None:
    seen = []
    for rows, batch, length in plan(lengths):
        assert batch in BATCHES
        assert length in (SINGLE if batch == 1 else LENGTHS)
        assert 0 < len(rows) <= batch
        assert all(lengths[row] <= length for row in rows)
        seen += rows
    assert sorted(seen) == list(range(len(lengths)))


def test_rows_survive_int8_to_half_a_step() -> None:
    rows = np.random.default_rng(0).normal(size=(7, 64)).astype(np.float32)
    quantised, scale = quantise_rows(rows)
    assert np.abs(quantised * scale[:, None] - rows).max() <= scale.max() / 2 + 1e-7
    zeros, _ = quantise_rows(np.zeros((1, 4), np.float32))
    assert not zeros.any()


@pytest.mark.parametrize("messages", [[], [Message("root", "hi")]])
def test_messages_that_no_template_knows_are_refused(messages: list[Message]) -> None:
    with pytest.raises(PromptInvalid):
        ChatTemplate("{{ messages }}").render(messages)


def test_a_template_cannot_reach_out_of_its_sandbox() -> None:
    with pytest.raises(PromptInvalid):
        ChatTemplate("{{ ''.__class__.__mro__[1].__subclasses__() }}").render([Message("user", "hi")])


@pytest.mark.process
def test_importing_the_room_does_not_load_the_heavy_libraries() -> None:
    code = "import inference, sys; print([m for m in ('jax', 'flax', 'tokenizers', 'gguf', 'numpy') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
