"""One model over two real processes, each with four virtual devices: what several hosts compute is what one does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from inference import EngineFailed, ModelUnsupported
from inference.devices.hosts import join_hosts
from inference.finetune.curve import read_points
from tests.inference import tiny_models
from tests.inference.test_sharding import FAMILIES
from tests.support.sharing import free_port

ROOT = Path(__file__).parents[2]
PROCESSES, DEVICES = 2, 4
MESHES = ((2, 4), (1, 8))


def run(code: str, *arguments: str, devices: int = DEVICES) -> subprocess.Popen[str]:
    """A process with so many devices."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(processes: list[subprocess.Popen[str]]) -> list[Any]:
    """The last line of each, which is JSON."""
    try:
        told = [process.communicate(timeout=400) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, error) in zip(processes, told, strict=True):
        assert process.returncode == 0, error[-3000:]
    return [json.loads(out.splitlines()[-1]) for out, _ in told]


def on_two(code: str, *arguments: str) -> list[Any]:
    """The code in two processes that have joined; `arguments` are its sys.argv[3:]."""
    joined = (
        "import json, sys; from inference.devices.hosts import join_hosts;"
        f"join_hosts('127.0.0.1:' + sys.argv[1], {PROCESSES}, int(sys.argv[2]), wait_s=120);" + code
    )
    port = str(free_port())
    return ended([run(joined, port, str(place), *arguments) for place in range(PROCESSES)])


@pytest.mark.process
def test_two_processes_give_the_logits_of_one() -> None:
    ask = "from tests.inference.test_sharding import FAMILIES, logits_of; found = "
    alone = ended([run(f"import json; {ask}logits_of(1, 1, FAMILIES); print(json.dumps(found))", devices=1)])[0]
    both = on_two(f"{ask}[logits_of(*mesh, FAMILIES) for mesh in {MESHES}]; print(json.dumps(found))")
    for of_process in both:
        for mesh, found in zip(MESHES, of_process, strict=True):
            for family in FAMILIES:
                assert found[family]["devices"] == PROCESSES * DEVICES
                assert found[family]["share"] == pytest.approx(1 / mesh[1])
                expected = np.array(alone[family]["logits"])
                assert np.ptp(expected) > 4
                assert np.abs(np.array(found[family]["logits"]) - expected).max() < 1e-4


def trained(out: str, mesh: tuple[int, int] | None) -> list[float]:
    """Runs in each process: the losses of a short fine-tuning run."""
    from inference.finetune.plan import Base, Plan
    from inference.finetune.training import finetune
    from tests.inference.finetuning import Told

    place = Path(out).parent
    plan = Plan(rank=4, alpha=8.0, steps=6, batch=8, learning_rate=0.01, length=64, held_out=0.2, save_every=3)
    outcome = finetune(Base.of_path(place / "qwen3"), place / "rows.jsonl", Path(out), plan, Told(), mesh=mesh)
    return [outcome.before, outcome.after]


@pytest.mark.process
def test_two_processes_train_the_adapter_of_one(tmp_path: Path) -> None:
    tiny_models.folder("qwen3", tmp_path)
    rows = "".join(json.dumps({"question": f"What is {n}?", "answer": f"It is {n * n}."}) + "\n" for n in range(20))
    (tmp_path / "rows.jsonl").write_text(rows)
    code = "from tests.inference.test_hosts import trained; print(json.dumps(trained(sys.argv[-1], "
    (before, after) = ended([run(f"import json, sys; {code}None)))", str(tmp_path / "one"), devices=1)])[0]
    both = on_two(f"{code}(4, 2))))", str(tmp_path / "two"))
    assert before > 5
    assert after < before - 1
    assert both == [pytest.approx([before, after], abs=1e-3)] * 2
    one, two = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("one", "two"))
    assert max(np.abs(one[name] - two[name]).max() for name in one) < 1e-3
    assert max(np.abs(one[name]).max() for name in one if "lora_B" in name) > 0.01
    assert [len(read_points(tmp_path / name / "loss.csv")) for name in ("one", "two")] == [7, 7]
    assert not (tmp_path / "two.training").exists()


QUESTIONS = ("What is a bond?", "What is a share?", "Tell me about risk.")


def answered(folder: str, crew: str, mesh: tuple[int, int] | None, memory: int = 1 << 20) -> list[str]:
    """Runs in each process: what the first says, several at a time; the others follow and have nothing to say."""
    import jax

    from inference import Message, Prompt
    from inference.engine.chat import ChatEngine
    from tests.inference.conftest import ask

    options: dict[str, Any] = {"mesh": mesh, "cache_dir": None, "context": 128, "precision": "float32"}
    if jax.process_index():
        ChatEngine.follow(Path(folder), crew=crew, memory=memory, **options)
        return []
    engine = ChatEngine.open(Path(folder), crew=crew or None, memory=1 << 20, **options)
    try:
        engine.warm()
        with ThreadPoolExecutor(len(QUESTIONS)) as pool:
            prompts = [Prompt((Message("user", question),), reuse="everybody") for question in QUESTIONS * 2]
            return [done[1].text for done in pool.map(lambda prompt: ask(engine, prompt, max_tokens=24), prompts)]
    finally:
        engine.close()


@pytest.mark.process
def test_an_engine_over_two_processes_answers_as_one(tmp_path: Path) -> None:
    folder = str(tiny_models.folder("qwen3", tmp_path))
    code = "from tests.inference.test_hosts import answered; print(json.dumps(answered(sys.argv[-1], "
    alone = ended([run(f"import json, sys; {code}'', None)))", folder, devices=1)])[0]
    leader, follower = on_two(f"{code}'127.0.0.1:{free_port()}', (4, 2))))", folder)
    assert follower == []
    assert leader == alone
    assert leader[:3] == leader[3:]
    assert len(set(leader)) == len(QUESTIONS)
    assert all(len(text) > 5 for text in leader)


@pytest.mark.process
def test_processes_that_were_started_differently_are_told_so(tmp_path: Path) -> None:
    folder = str(tiny_models.folder("qwen3", tmp_path))
    code = (
        "from tests.inference.test_hosts import answered, refused;"
        f"print(json.dumps(refused(sys.argv[-1], '127.0.0.1:{free_port()}', (2 + int(sys.argv[2])) << 20)))"
    )
    leader, follower = on_two(code, folder)
    assert "a process was started with another model or other settings" in leader
    assert "process 0 was started with another model or other settings" in follower


def refused(folder: str, crew: str, memory: int) -> str:
    """Runs in each process."""
    try:
        answered(folder, crew, (4, 2), memory)
    except EngineFailed as error:
        return str(error)
    return ""


def test_a_process_that_does_not_exist_is_refused_in_one_line() -> None:
    with pytest.raises(ModelUnsupported, match="process 2 of 2 does not exist; number them from 0 to 1"):
        join_hosts("127.0.0.1:1", 2, 2)
