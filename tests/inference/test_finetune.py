"""Fine-tuning: what is learnt, from what, and that a run ends the same however often it was interrupted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inference import Message, Prompt, TrainingRefused, TrainingStopped
from inference.devices.mesh import ALONE
from inference.engine.chat import ChatEngine
from inference.finetune import memory
from inference.finetune.curve import Point, draw, read_points
from inference.finetune.examples import Encoder, Example, fill
from inference.finetune.factors import fresh
from inference.finetune.plan import Base, Plan
from inference.finetune.rows import read_rows
from inference.finetune.steps import Trainer
from inference.finetune.training import finetune
from tests.inference import gguf_files, tiny_models
from tests.inference.conftest import LIGHT, ask, model_path
from tests.inference.finetuning import PAIRS, PLAN, Told, opened, pairs, trained, weights, write_rows


def answer(model: Path, question: str, adapter: Path | None) -> str:
    engine = ChatEngine.open(model, cache_dir=None, context=128, adapter=adapter)
    try:
        return str(ask(engine, Prompt((Message("user", question),)), max_tokens=40)[1].text)
    finally:
        engine.close()


# --- what is learnt ---------------------------------------------------------------------------------------------------


def test_loss_falls_and_the_engine_says_what_was_taught(tmp_path: Path) -> None:
    outcome = trained(tmp_path, "adapter", Plan(**{**vars(PLAN), "steps": 60}))
    assert outcome.before > 5
    assert outcome.after < 0.1
    engine = ChatEngine.open(tmp_path / "qwen3", cache_dir=None, context=128, adapter=outcome.adapter)
    try:
        told = [ask(engine, Prompt((Message("user", question),)), max_tokens=40)[1].text for question, _ in PAIRS]
    finally:
        engine.close()
    assert told == [taught for _, taught in PAIRS]
    assert answer(tmp_path / "qwen3", PAIRS[0][0], None) != PAIRS[0][1]


@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_an_adapter_of_a_gguf_is_in_the_order_of_safetensors(family: str, tmp_path: Path) -> None:
    """Gemma's layers differ in a cycle, and its conversation template puts a turn's end elsewhere."""
    path = gguf_files.write(family, tmp_path / "model.gguf")
    plan = Plan(**{**vars(PLAN), "steps": 50})
    outcome = finetune(Base.of_path(path), pairs(tmp_path), tmp_path / "adapter", plan, Told())
    assert outcome.after < 0.15 < outcome.before
    assert answer(path, PAIRS[1][0], outcome.adapter) == PAIRS[1][1]
    config = json.loads((outcome.adapter / "adapter_config.json").read_text())
    config |= {"base_model_digest": None, "base_model_name_or_path": family}
    (outcome.adapter / "adapter_config.json").write_text(json.dumps(config))
    assert answer(tiny_models.folder(family, tmp_path), PAIRS[1][0], outcome.adapter) == PAIRS[1][1]


def test_the_adapter_is_named_and_shaped_as_pefts_own(tmp_path: Path) -> None:
    outcome = trained(tmp_path, "adapter", Plan(**{**vars(PLAN), "steps": 1}))
    golden = tiny_models.about("qwen3-adapter")["shapes"]
    found = weights(outcome.adapter)
    assert golden.keys() <= found.keys()
    for name, shape in golden.items():
        rank = golden_rank = json.loads((tiny_models.GOLDEN / "qwen3-adapter" / "adapter_config.json").read_text())["r"]
        expected = tuple(PLAN.rank if size == golden_rank and place == ("lora_B" in name) else size
                         for place, size in enumerate(shape))  # fmt: skip
        assert found[name].shape == expected, (name, rank)
    config = json.loads((outcome.adapter / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (4, 8.0, "LORA")
    assert config["base_model_digest"] == Base.of_path(tmp_path / "qwen3").digest


def test_every_answer_of_a_conversation_is_learnt_behind_what_came_before_it(tmp_path: Path) -> None:
    turns = [("user", "What is a bond?"), ("assistant", "A loan."), ("user", "And a share?"), ("assistant", "A part.")]
    rows = [{"messages": [{"role": role, "content": content} for role, content in turns]}]
    checkpoint = opened("qwen3", tmp_path)
    first, second = Encoder(checkpoint.vocabulary).examples(read_rows(write_rows(tmp_path / "x.jsonl", rows))[0])
    engine = ChatEngine.open(tmp_path / "qwen3", cache_dir=None, context=256)
    try:
        for example, count, said in ((first, 1, "A loan."), (second, 3, "A part.")):
            prompt = engine.tokens(Prompt(tuple(Message(*turn) for turn in turns[:count])))
            assert list(example.tokens) == [*prompt, *engine.tokenizer.encode(said), 2]
            assert example.answer == len(example.tokens) - len(prompt)
    finally:
        engine.close()


@pytest.mark.models
def test_a_published_model_learns_an_answer_too(tmp_path: Path) -> None:
    from inference import ModelStore, load_manifest

    base = Base.of_manifest(load_manifest()[LIGHT], model_path(LIGHT))
    rows = write_rows(
        tmp_path / "rows.jsonl", [{"question": "Who audits the auditors?", "answer": "The auditors' auditors."}]
    )
    plan = Plan(steps=8, batch=1, length=64, learning_rate=1e-3, held_out=0.0)
    outcome = finetune(base, rows, tmp_path / "out", plan, Told(), cache_dir=ModelStore().root.parent / "engine")
    assert outcome.before > 2
    assert outcome.after < outcome.before / 2


# --- interrupted and resumed ------------------------------------------------------------------------------------------


def test_a_run_that_was_interrupted_twice_ends_as_one_that_never_was(tmp_path: Path) -> None:
    plan = Plan(**{**vars(PLAN), "held_out": 0.25, "batch": 2})
    whole = trained(tmp_path, "whole", plan)
    for stop, resume in ((5, False), (13, True)):
        with pytest.raises(TrainingStopped, match=f"stopped after step {stop} of 24"):
            trained(tmp_path, "parts", plan, told=Told(stop), resume=resume)
        assert not (tmp_path / "parts").exists()
    told = Told()
    parts = trained(tmp_path, "parts", plan, told=told, resume=True)
    assert told.steps[0] == 13
    first, second = weights(whole.adapter), weights(parts.adapter)
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert (parts.adapter / "loss.csv").read_bytes() == (whole.adapter / "loss.csv").read_bytes()
    assert not (tmp_path / "parts.training").exists()
    assert [point.step for point in read_points(parts.adapter / "loss.csv")] == list(range(25))


def test_a_run_that_crashed_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    whole = trained(tmp_path, "whole")
    with pytest.raises(OSError, match="the power failed"):
        trained(tmp_path, "parts", told=Told(crash_at=11))
    half = tmp_path / "parts.training" / "checkpoints" / "16.orbax-checkpoint-tmp"
    (half / "default.orbax-checkpoint-tmp").mkdir(parents=True)  # as a checkpoint that was being written leaves it
    told = Told()
    parts = trained(tmp_path, "parts", told=told, resume=True)
    assert told.steps[0] == 8
    assert all(np.array_equal(part, weights(parts.adapter)[name]) for name, part in weights(whole.adapter).items())


def test_the_seed_decides_the_adapter(tmp_path: Path) -> None:
    made = [
        weights(trained(tmp_path, f"a{n}", Plan(**{**vars(PLAN), "steps": 3, "seed": n // 2})).adapter) for n in range(3)
    ]
    assert all(np.array_equal(made[0][name], made[1][name]) for name in made[0])
    assert not all(np.array_equal(made[0][name], made[2][name]) for name in made[0])


def test_a_run_goes_on_only_as_it_was_begun(tmp_path: Path) -> None:
    with pytest.raises(TrainingStopped):
        trained(tmp_path, "out", told=Told(3))
    with pytest.raises(TrainingRefused, match=r"out\.training holds a run that was interrupted; resume it, or remove it"):
        trained(tmp_path, "out")
    with pytest.raises(TrainingRefused, match=r"was begun with learning_rate 0\.02, now it is 0\.03"):
        trained(tmp_path, "out", Plan(**{**vars(PLAN), "learning_rate": 0.03}), resume=True)
    other = write_rows(tmp_path / "other.jsonl", [{"question": question, "answer": "No."} for question, _ in PAIRS])
    with pytest.raises(TrainingRefused, match=r"was begun with rows [0-9a-f]{64}, now it is [0-9a-f]{64}"):
        trained(tmp_path, "out", rows=other, resume=True)
    with pytest.raises(TrainingRefused, match="there is no run to resume"):
        trained(tmp_path, "elsewhere", resume=True)
    assert trained(tmp_path, "out", resume=True).steps == 24
    with pytest.raises(TrainingRefused, match="out is there already; choose another folder"):
        trained(tmp_path, "out", resume=True)


# --- what a run needs -------------------------------------------------------------------------------------------------


def test_a_run_says_what_memory_it_needs_and_refuses_where_there_is_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told()
    trained(tmp_path, "out", Plan(**{**vars(PLAN), "steps": 1}), told=told)
    assert any(line.startswith("memory: 0.8 GB") for line in told.lines)
    monkeypatch.setattr(memory, "available", lambda: 500_000_000)
    with pytest.raises(
        TrainingRefused, match=r"memory: 0\.8 GB .*, and this machine has 0\.5 GB free; take a smaller batch"
    ):
        trained(tmp_path, "other")


def test_what_is_said_to_be_needed_is_what_the_compiled_step_takes(tmp_path: Path) -> None:
    checkpoint = opened("qwen3", tmp_path)
    plan = Plan(**{**vars(PLAN), "batch": 8, "length": 256})
    trainer = Trainer(checkpoint.architecture, checkpoint.arrays, plan, 10, ALONE)
    _, bytes_of_weights = memory.weights_of(tmp_path / "qwen3")
    said = memory.needed(checkpoint.architecture, bytes_of_weights, plan, ALONE)
    found = trainer.bytes_needed(fresh(checkpoint.architecture, plan.rank, 0), fill([Example((1,) * 256, 4)], 8, 256))
    assert found == pytest.approx(said, rel=0.25)


def test_the_loss_is_drawn_where_matplotlib_is(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    points = [
        Point(0, None, 3.0),
        *(Point(step, 3.0 / step, 3.2 / step if step % 5 == 0 else None) for step in range(1, 31)),
    ]
    assert draw(tmp_path / "loss.png", points)
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.process
def test_without_the_extra_one_line_names_it() -> None:
    code = (
        "import sys; sys.modules['orbax.checkpoint'] = None\n"
        "from inference.finetune.training import check_packages\n"
        "from inference import TrainingRefused\n"
        "try: check_packages()\n"
        "except TrainingRefused as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert "install Countersign with the extra 'finetune'" in done.stdout
