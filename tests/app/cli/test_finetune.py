"""`countersign models finetune`: a whole run, one that is interrupted, and what it says of rows that do not fit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inference import ModelStore
from tests.app.cli.test_cli import fails
from tests.app.wiring.test_settings import ROOT, countersign, folder
from tests.inference import tiny_models
from tests.support.waiting import eventually

pytestmark = pytest.mark.process

__all__ = ["folder"]

PAIRS = [("What is a bond?", "A loan."), ("What is a share?", "A part."), ("What is a fund?", "A purse.")]


def prepared(folder: Path) -> list[str]:
    """The rows and a tiny model are there; what the command is asked for."""
    tiny_models.folder("qwen3", folder)
    rows = "".join(json.dumps({"question": question, "answer": answer}) + "\n" for question, answer in PAIRS)
    (folder / "rows.jsonl").write_text(rows)
    asked = "models finetune --model ./qwen3 --data rows.jsonl --out tone --length 64 --batch 4 --learning-rate 0.02"
    return [*asked.split(), "--rank", "4"]


def test_a_run_leaves_an_adapter_and_says_how_the_loss_fell(folder: Path) -> None:
    asked = [*prepared(folder), "--steps", "30", "--held-out", "0", "--json"]
    done = countersign(folder, *asked, COUNTERSIGN_MODELS_DIR=str(folder / "models"))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["loss_after"] < 0.5 < 5 < told["loss_before"]
    assert "3 answers to learn from, 0 held out" in done.stderr
    assert "memory: " in done.stderr
    assert {"adapter_config.json", "adapter_model.safetensors", "loss.csv"} <= {
        file.name for file in (folder / "tone").iterdir()
    }
    assert "A loan" not in done.stderr + (folder / "tone" / "training.json").read_text()
    again = countersign(folder, *asked, COUNTERSIGN_MODELS_DIR=str(folder / "models"))
    assert "tone is there already" in fails(again)


def test_a_run_that_is_interrupted_is_resumed(folder: Path) -> None:
    asked = [*prepared(folder), "--steps", "100000", "--save-every", "5"]
    environment = {**os.environ, "COUNTERSIGN_MODELS_DIR": str(folder / "models"), "PYTHONPATH": str(ROOT)}
    run = subprocess.Popen(
        [sys.executable, "-m", "app", *asked], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        eventually(lambda: any((folder / "tone.training" / "checkpoints").glob("[0-9]*")), 120)
        run.send_signal(signal.SIGINT)
        _, told = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 130, told
    assert "Traceback" not in told
    assert "tone.training is kept: resume the run from it" in " ".join(told.split())
    assert not (folder / "tone").exists()
    other = countersign(folder, *asked[:-1], "7", "--resume", COUNTERSIGN_MODELS_DIR=str(folder / "models"))
    assert other.returncode == 2
    assert "was begun with save_every 5, now it is 7" in other.stderr


@pytest.mark.models
def test_rows_are_redacted_with_the_tags_that_the_model_reads_in_service(folder: Path) -> None:
    store = str(ModelStore().root)
    row = {"question": "I am Anna Meyer, anna.meyer@example.org.", "answer": "Good morning, Anna Meyer."}
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n" + json.dumps({"question": "Hello", "answer": "Hello."}) + "\n")
    asked = ["models", "redact", "--data", "rows.jsonl", "--out", "clean.jsonl"]
    done = countersign(folder, *asked, COUNTERSIGN_MODELS_DIR=store)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line)["messages"] for line in (folder / "clean.jsonl").read_text().splitlines())
    assert [m["content"] for m in first] == ["I am <PERSON_1>, <EMAIL_ADDRESS_1>.", "Good morning, <PERSON_1>."]
    assert [m["content"] for m in second] == ["Hello", "Hello."]
    assert "2 PERSON, 1 EMAIL_ADDRESS" in done.stderr
    assert "is there already" in fails(countersign(folder, *asked, COUNTERSIGN_MODELS_DIR=store))


@pytest.mark.parametrize(
    ("line", "told"), [('{"question": "Anna Meyer"}', "line 4: the answer is missing"), ('{"question"', "line 4: not JSON")]
)
def test_a_wrong_row_ends_the_run_before_it_begins(line: str, told: str, folder: Path) -> None:
    asked = prepared(folder)
    with (folder / "rows.jsonl").open("a") as file:
        file.write(line + "\n")
    said = fails(countersign(folder, *asked, COUNTERSIGN_MODELS_DIR=str(folder / "models")))
    assert told in said
    assert "Anna" not in said
    assert not (folder / "tone.training").exists()
