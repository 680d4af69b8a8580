"""`ask --jsonl`: every line that can be read is answered, the others are named, and conversations go on."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import click
import pytest

from app.cli.ask_lines import ask_lines
from app.cli.shared import InputError


class Scripted:
    """Answers each question with itself, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None, Sequence[str] | None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def ask(
        self, question: str, conversation: str | None, groups: Sequence[str] | None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        self.asked.append((question, conversation, groups))
        if question == "fail":
            raise click.ClickException("503: the log cannot be written")
        yield "segment", {"text": f"{question}! [1]"}
        yield "citation", {"number": 1, "document": "fees", "page": 2, "section": "s", "quote": "q"}
        working = {"plan": "look_up(fee)", "figures": [{"value": "12", "cells": []}]}
        route = {"bot": "rag"}
        yield "done", {"outcome": "answered", "conversation_id": "c_1", "route": route, "working": working}


def answered(lines: str, capsys: pytest.CaptureFixture[str]) -> tuple[list[dict[str, Any]], str, Scripted]:
    asker = Scripted()
    ask_lines(asker, io.StringIO(lines))
    out, err = capsys.readouterr()
    return [json.loads(line) for line in out.splitlines()], err, asker


def test_each_line_is_answered_with_its_figures_plan_and_citations(capsys: pytest.CaptureFixture[str]) -> None:
    (row,), _, asker = answered('{"id": "a", "question": "Fee?", "groups": ["staff"]}\n', capsys)
    assert row.pop("ms") >= 0
    assert row == {
        "id": "a",
        "outcome": "answered",
        "answer": "Fee?! [1]",
        "figures": [{"value": "12", "cells": []}],
        "plan": "look_up(fee)",
        "citations": [{"document": "fees", "page": 2, "quote": "q"}],
        "route": "rag",
    }
    assert asker.asked == [("Fee?", None, ("staff",))]


def test_lines_that_cannot_be_read_are_named_and_the_others_answered(capsys: pytest.CaptureFixture[str]) -> None:
    lines = 'nonsense\n{"question": 3}\n\n{"question": "Fee?", "groups": "staff"}\n{"question": "Fee?"}\n'
    rows, err, _ = answered(lines, capsys)
    assert [row["id"] for row in rows] == ["5"]
    for told in ("line 1: not JSON", 'line 2: needs an object with a text under "question"', 'line 4: "groups" must be'):
        assert told in err


def test_a_question_that_fails_is_told_in_its_line_and_the_next_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    rows, _, _ = answered('{"question": "fail"}\n{"question": "Fee?"}\n', capsys)
    assert [row["outcome"] for row in rows] == ["failed", "answered"]
    assert rows[0]["error"] == "503: the log cannot be written"


def test_lines_that_share_a_conversation_are_its_turns(capsys: pytest.CaptureFixture[str]) -> None:
    lines = "".join(json.dumps({"question": q, "conversation": c}) + "\n" for q, c in (("a", "x"), ("b", "y"), ("c", "x")))
    _, _, asker = answered(lines, capsys)
    assert [conversation for _, conversation, _ in asker.asked] == [None, None, "c_1"]


@pytest.mark.parametrize("lines", ["", "\n\n", "nonsense\n", "[]\n"])
def test_where_no_line_can_be_read_the_command_fails_with_two(lines: str) -> None:
    with pytest.raises(InputError) as raised:
        ask_lines(Scripted(), io.StringIO(lines))
    assert raised.value.exit_code == 2
