"""The loss of fine-tuning is that of the engine's own logits on the answers alone, and the gradient is its slope."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.devices.mesh import ALONE
from inference.finetune.examples import Batch, Example, fill
from inference.finetune.factors import fresh
from inference.finetune.plan import Base
from inference.finetune.steps import Trainer
from inference.weights.checkpoint import open_checkpoint
from tests.inference import tiny_models
from tests.inference.finetuning import PLAN, opened


def some_batch() -> Batch:
    random = np.random.default_rng(5)
    examples = [Example(tuple(random.integers(0, 300, size).tolist()), told) for size, told in ((20, 6), (13, 9), (31, 1))]
    return fill(examples, 4, 32)


def some_factors(checkpoint: Any) -> Any:
    """B is not zero, so that A matters too."""
    factors = fresh(checkpoint.architecture, 4, 0)
    for name, pair in factors.items():
        pair["B"] = np.stack([tiny_models.weight(layer, name, rows.shape) * 0.1 for layer, rows in enumerate(pair["B"])])
    return factors


def logits_with(checkpoint: Any, factors: Any, place: Path, tokens: Sequence[int]) -> NDArray[np.float32]:
    """What the engine's own loader makes of the factors: logits behind every token, float32[tokens, vocabulary]."""
    from inference.engine.runner import Feed, Runner
    from inference.finetune.factors import write_adapter
    from inference.weights.lora import Adapter

    place.mkdir()
    write_adapter(place, factors, checkpoint.architecture, PLAN, Base("tiny", "tiny", place, "tiny"))
    merged = open_checkpoint(
        place.parent / checkpoint.architecture.family, "with", cache_dir=None, precision="float32",
        adapter=Adapter.read(place, "tiny", ("tiny",)),
    )  # fmt: skip
    runner = Runner(merged, 64, memory=1)
    return np.stack([runner.run([Feed(at, [token], [1, 2])])[0] for at, token in enumerate(tokens)])


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "gemma3"])
def test_the_loss_is_that_of_the_engines_logits_on_the_answers_alone(family: str, tmp_path: Path) -> None:
    checkpoint, batch = opened(family, tmp_path), some_batch()
    factors = some_factors(checkpoint)
    trainer = Trainer(checkpoint.architecture, checkpoint.arrays, PLAN, 10, ALONE)
    loss, count = trainer.losses(trainer.place(factors), batch)
    expected = 0.0
    for row in range(3):
        length = int(np.flatnonzero(batch.weights[row]).max()) + 1
        found = logits_with(checkpoint, factors, tmp_path / f"adapter{row}", batch.tokens[row, :length].tolist())
        shares = (
            found - np.log(np.exp(found - found.max(1, keepdims=True)).sum(1, keepdims=True)) - found.max(1, keepdims=True)
        )
        told = shares[np.arange(length), batch.targets[row, :length]]
        expected -= float((told * batch.weights[row, :length]).sum())
    assert count == 6 + 9 + 1
    assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("family", ["llama3", "qwen2", "gemma3"])
def test_the_gradient_is_the_slope_of_the_loss(family: str, tmp_path: Path) -> None:
    checkpoint, batch = opened(family, tmp_path), some_batch()
    trainer = Trainer(checkpoint.architecture, checkpoint.arrays, PLAN, 10, ALONE)
    factors = trainer.place(some_factors(checkpoint))
    slopes = trainer.gradient(factors, batch)
    for name, pair in slopes.items():
        for half, slope in pair.items():
            along = np.asarray(slope) / np.linalg.norm(slope)
            reach = 2e-3
            ends = [
                {**factors, name: {**factors[name], half: factors[name][half] + sign * reach * along}} for sign in (1, -1)
            ]
            (up, count), (down, _) = (trainer.losses(end, batch) for end in ends)
            assert (up - down) / count / (2 * reach) == pytest.approx(float(np.linalg.norm(slope)), rel=0.02), (name, half)


def test_what_the_question_says_next_is_never_a_target(tmp_path: Path) -> None:
    checkpoint, batch = opened("qwen3", tmp_path), some_batch()
    trainer = Trainer(checkpoint.architecture, checkpoint.arrays, PLAN, 10, ALONE)
    factors = trainer.place(some_factors(checkpoint))
    other = batch._replace(targets=np.where(batch.weights == 0, (batch.targets + 7) % 384, batch.targets))
    assert (other.targets != batch.targets).sum() > 50
    assert trainer.losses(factors, other) == trainer.losses(factors, batch)
    told = batch._replace(targets=np.where(batch.weights == 1, (batch.targets + 7) % 384, batch.targets))
    assert trainer.losses(factors, told) != trainer.losses(factors, batch)
    behind = np.where(np.arange(32) > np.array([19, 12, 30, -1])[:, None], 99, batch.tokens)
    assert trainer.losses(factors, batch._replace(tokens=behind.astype(np.int32))) == trainer.losses(factors, batch)
