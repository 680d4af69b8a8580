"""What a model's layers make of a prompt: right beside float32, left alone by other answers, and without a trace."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from inference import Message, Prompt, PromptTooLong, Sampling
from inference.engine.prefix_cache import Blocks
from inference.engine.states import states
from inference.errors import EngineFailed, PromptInvalid
from inference.types import Gaze

pytestmark = pytest.mark.models
LINES = ("[A] The entry charge is 2%.", "[B] The café is open from nine.", "[C] A lost card is replaced within 3 days.")
ASKING = "How soon do I get a new card?"
LETTERED = Prompt((Message("user", f"Text:\n{chr(10).join(LINES)}\n\nQuestion: {ASKING}\n\nReply yes or no."),))
LONG = Prompt((Message("user", "The fee is 12 EUR a year and is taken in March. " * 20 + "What is the fee?"),))


def test_the_state_behind_the_last_layer_leads_to_the_models_logits(engine: Any, exact_engine: Any) -> None:
    last = engine._runner.architecture.layers - 1
    for chat in (engine, exact_engine):
        early, late = np.split(chat.look(LONG, (last // 2, last)).state, 2)
        assert early.shape == late.shape == (chat._runner.architecture.width,)
        assert np.array_equal(chat.look(LONG, (last // 2,)).state, early), "leaving later layers out changes nothing"
    kernels, exact = (np.split(chat.look(LONG, (last // 2, last)).state, 2) for chat in (engine, exact_engine))
    for ours, wanted in zip(kernels, exact, strict=True):
        assert float(ours @ wanted / np.linalg.norm(ours) / np.linalg.norm(wanted)) > 0.98


def test_a_state_is_the_same_beside_other_answers_and_leaves_nothing_in_the_cache(engine: Any) -> None:
    alone, free = engine.look(LONG, (3,)).state, engine.load_now().blocks_available
    answering = engine.stream(Prompt((Message("user", "Count to fifty."),)), Sampling(max_tokens=40), threading.Event())
    next(answering)
    assert np.array_equal(engine.look(LONG, (3,)).state, alone)
    answering.close()
    assert engine.look(LONG, (3,)).state is not None
    assert engine.load_now().blocks_available >= free - 2, "an ended answer may still hold its beginning"


def test_a_prompt_that_does_not_fit_is_refused_and_one_whose_cache_was_lost_is_told_so(engine: Any) -> None:
    with pytest.raises(PromptTooLong):
        engine.look(Prompt((Message("user", "word " * 5000),)), (3,))

    class Losing:
        """Loses its cache after the first call."""

        calls = 0

        def call(self, work: Any, *_turn: Any) -> Any:
            self.calls += 1
            return work(engine._runner, Blocks(9) if self.calls > 1 else kept)

    kept = Blocks(9)
    with pytest.raises(EngineFailed, match="lost its cache"):
        states(Losing(), list(range(40)), (3,))  # type: ignore[arg-type]


def test_attention_is_that_of_the_exact_model_and_each_line_has_a_part_of_it(engine: Any, exact_engine: Any) -> None:
    heads = tuple((layer, head) for layer in (0, 3, 7) for head in (0, 4))
    ours, exact = (chat.look(LETTERED, (3,), Gaze(heads, LINES, ASKING)).attention for chat in (engine, exact_engine))
    assert ours.shape == (len(heads), 2, len(LINES))
    assert np.allclose(ours, exact, atol=0.05)
    mean, most = ours[:, 0], ours[:, 1]
    assert (mean > 0).all()
    assert (mean <= most + 1e-6).all()
    assert (mean.sum(axis=1) < 1).all()
    (whole,) = engine.look(LETTERED, (3,), Gaze(((3, 0),), ("\n".join(LINES),), ASKING)).attention
    assert whole[0, 0] >= mean[heads.index((3, 0))].sum() - 1e-5, "lines together have what each of them has"


def test_where_a_question_looks_changes_nothing_of_the_state(engine: Any) -> None:
    with_it = engine.look(LETTERED, (3, 5), Gaze(((4, 1), (7, 0)), LINES, ASKING))
    assert np.array_equal(with_it.state, engine.look(LETTERED, (3, 5)).state)


def test_a_text_that_does_not_stand_in_the_prompt_has_no_attention_to_ask_for(engine: Any) -> None:
    for parts in (("[A] Something else.",), LINES[::-1], ("",)):
        with pytest.raises(PromptInvalid, match="does not stand in the prompt"):
            engine.look(LETTERED, (3,), Gaze(((3, 0),), parts, ASKING))
