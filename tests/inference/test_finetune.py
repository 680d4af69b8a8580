"""Fine-tuning: what is learnt, from what, and that a run ends the same however often it was interrupted."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from inference import Message, Prompt, RowsUnfit, TrainingRefused, TrainingStopped
from inference.engine import ChatEngine
from inference.finetune import memory
from inference.finetune.curve import Point, draw, read_points
from inference.finetune.examples import Batch, Course, Encoder, Example, fill
from inference.finetune.factors import fresh
from inference.finetune.plan import Base, Outcome, Plan
from inference.finetune.rows import held_apart, read_rows
from inference.finetune.steps import Trainer
from inference.finetune.training import finetune
from inference.grid import ALONE
from inference.weights import open_checkpoint
from tests.inference import gguf_files, tiny_models
from tests.inference.conftest import LIGHT, ask, model_path

PAIRS = (
    ("What is a bond?", "A loan that can be sold."),
    ("What is a share?", "A part of a firm."),
    ("What is a fund?", "Money of many in one purse."),
    ("What is a yield?", "What it earns in a year."),
)
PLAN = Plan(rank=4, alpha=8.0, steps=24, batch=4, learning_rate=0.02, length=64, held_out=0.0, save_every=8)


class Told:
    """Remembers what a run told; at a step it may ask the run to stop, or end it as a crash does."""

    def __init__(self, stop_at: int | None = None, crash_at: int | None = None) -> None:
        self.lines: list[str] = []
        self.steps: list[int] = []
        self.stop = threading.Event()
        self._stop_at, self._crash_at = stop_at, crash_at

    def line(self, text: str) -> None:
        self.lines.append(text)

    def step(self, done: int, total: int, loss: float | None, held_out: float | None) -> None:
        self.steps.append(done)
        if self._stop_at is not None and done + 1 >= self._stop_at:
            self.stop.set()
        if done == self._crash_at:
            raise OSError("the power failed")


def write_rows(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def pairs(place: Path) -> Path:
    return write_rows(place / "rows.jsonl", [{"question": question, "answer": answer} for question, answer in PAIRS])


def trained(place: Path, name: str, plan: Plan = PLAN, *, told: Told | None = None, **options: Any) -> Outcome:
    """On the tiny Qwen3 of `place`."""
    folder = place / "qwen3"
    if not folder.exists():
        tiny_models.folder("qwen3", place)
    rows, told = options.pop("rows", None) or pairs(place), told or Told()
    options |= {"cache_dir": place / "cache", "stop": told.stop}
    return finetune(Base.of_path(folder), rows, place / name, plan, told, **options)


def weights(folder: Path) -> dict[str, NDArray[np.float32]]:
    return dict(load_file(folder / "adapter_model.safetensors"))


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


# --- the gradient -----------------------------------------------------------------------------------------------------


def opened(family: str, place: Path) -> Any:
    folder = place / family
    return open_checkpoint(
        folder if folder.exists() else tiny_models.folder(family, place), "tiny", cache_dir=None, precision="float32"
    )


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
    from inference.finetune.factors import write_adapter
    from inference.lora import Adapter
    from inference.runner import Feed, Runner

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


# --- rows -------------------------------------------------------------------------------------------------------------

SECRET = "Anna Meyer"
BAD = {
    b'{"question": "Anna Meyer"': "not JSON",
    b'["Anna Meyer"]': "not an object",
    b'{"question": "Anna Meyer"}': "the answer is missing or no text",
    b'{"question": "Anna Meyer", "answer": " "}': "the answer is empty",
    b'{"question": 7, "answer": "Anna Meyer"}': "the question is missing or no text",
    b'{"text": "Anna Meyer"}': 'needs a list "messages"',
    b'{"messages": [], "question": "Anna Meyer"}': 'both "messages" and "question"',
    b'{"messages": [{"role": "Anna Meyer", "content": "x"}]}': "message 1 needs a role, one of system, user, assistant",
    b'{"messages": [{"role": "user", "content": "Anna Meyer"}]}': "no message of the assistant",
    b'{"messages": [{"role": "assistant", "content": "Anna Meyer"}]}': "begins with the assistant",
    b'{"question": "Anna Meyer \\ud800", "answer": "x"}': "half a character",
    b'{"question": "Anna Meyer \xff", "answer": "x"}': "not UTF-8",
    b"[" * 100_000: "nested too deeply",
}


@pytest.mark.parametrize("line", BAD, ids=lambda line: BAD[line])
def test_a_wrong_line_is_named_and_not_repeated(line: bytes, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b'{"question": "a", "answer": "b"}\n\n' + line + b"\n")
    with pytest.raises(RowsUnfit) as caught:
        read_rows(file)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{file}, line 3: ")
    assert BAD[line] in problem
    assert SECRET not in problem


def test_nothing_starts_while_a_line_is_wrong(tmp_path: Path) -> None:
    good = {"question": "a", "answer": "b"}
    rows = write_rows(tmp_path / "rows.jsonl", [good, *[{"question": "a"}] * 12])
    with pytest.raises(RowsUnfit) as caught:
        trained(tmp_path, "out", rows=rows)
    assert [problem.partition(": ")[0] for problem in caught.value.problems[:10]] == [
        f"{rows}, line {n}" for n in range(2, 12)
    ]
    assert caught.value.problems[10:] == ["and 2 more lines like these"]
    long = write_rows(tmp_path / "long.jsonl", [good, {"question": "a", "answer": "b " * 80}])
    with pytest.raises(RowsUnfit, match=r"long\.jsonl, line 2: \d+ tokens with its prompt, and the length is 64"):
        trained(tmp_path, "out", rows=long)
    assert not (tmp_path / "out.training").exists()
    told = Told()
    trained(tmp_path, "out", Plan(**{**vars(PLAN), "leave_out": True, "steps": 1}), rows=long, told=told)
    assert any("1 left out as longer than 64 tokens" in line for line in told.lines)


def test_no_row_that_is_held_out_is_also_learnt_from(tmp_path: Path) -> None:
    rows = read_rows(write_rows(tmp_path / "x.jsonl", [{"question": f"{n % 20}", "answer": "x"} for n in range(60)]))
    shown, apart = held_apart(rows, 0.1, 0)
    assert (len(shown), len(apart)) == (54, 6)
    assert not {row.digest for row in shown} & {row.digest for row in apart}
    assert held_apart(rows, 0.1, 0)[1] == apart
    assert held_apart(rows, 0.1, 1)[1] != apart
    assert held_apart(rows[:1], 0.5, 0) == (rows[:1], [])


def test_every_example_is_seen_once_an_epoch_in_an_order_of_its_own() -> None:
    examples = [Example((place, *[7] * (place % 11 + 2)), 1) for place in range(70)]
    course = Course(examples, 4, 64, 3)
    epochs = []
    for epoch in range(2):
        batches = [course.batch(epoch * course.steps_per_epoch + step) for step in range(course.steps_per_epoch)]
        seen = [
            int(row[0]) for batch in batches for row, used in zip(batch.tokens, batch.weights, strict=True) if used.any()
        ]
        assert sorted(seen) == list(range(70))
        epochs.append(seen)
    assert epochs[0] != epochs[1]
    assert np.array_equal(Course(examples, 4, 64, 3).batch(20).tokens, course.batch(20).tokens)


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
