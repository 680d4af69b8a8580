"""The rows of fine-tuning: which are taken, how a wrong one is named, what is held out, and in which order they are seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inference import RowsUnfit
from inference.finetune.examples import Course, Example
from inference.finetune.plan import Plan
from inference.finetune.rows import held_apart, read_rows
from tests.inference.finetuning import PLAN, Told, trained, write_rows

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
