"""`countersign ask --jsonl`: many questions, a line of JSON for each answer, in the order in which they were asked."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import click

from app.cli.asking import Asker, Event
from app.cli.shared import InputError, console, plain, progress, put


@dataclass(frozen=True)
class Asked:
    """One line. conversation: the caller's own name for it; lines that share it are turns of one conversation."""

    id: str
    question: str
    groups: tuple[str, ...] | None
    conversation: str | None


def ask_lines(asker: Asker, stream: TextIO) -> None:
    """Answers every line that can be read and names the others on standard error. Raises InputError where none can."""
    lines, wrong = _read(stream)
    for number, why in wrong:
        console().print(plain(f"line {number}: {why}"), style="yellow")
    if not lines:
        raise InputError('no line could be read; each needs an object with a text under "question"')
    conversations: dict[str, str] = {}
    with asker, progress() as bar:
        bar("questions", 0, len(lines))
        for number, asked in enumerate(lines, 1):
            put(_answered(asker, asked, conversations))
            bar("questions", number, len(lines))


def _answered(asker: Asker, asked: Asked, conversations: dict[str, str]) -> dict[str, Any]:
    """One answer. Whatever goes wrong with one question is told in its line, and the others are still asked."""
    begun = time.perf_counter()
    going_on = conversations.get(asked.conversation) if asked.conversation else None
    try:
        found = collected(asker.ask(asked.question, going_on, asked.groups))
    except click.ClickException as error:
        found = {"outcome": "failed", "answer": "", "error": error.message}
    if asked.conversation and found.get("conversation_id"):
        conversations[asked.conversation] = found["conversation_id"]
    working = found.get("working") or {}
    row = {
        "id": asked.id,
        "outcome": found.get("outcome", "failed"),
        "answer": found["answer"] or (found.get("refusal") or {}).get("message", ""),
        "figures": working.get("figures", []),
        "plan": working.get("plan"),
        "citations": [{name: one[name] for name in ("document", "page", "quote")} for one in found.get("citations", ())],
        "route": (found.get("route") or {}).get("bot"),
        "ms": round((time.perf_counter() - begun) * 1000),
    }
    return row | ({"error": found["error"]} if "error" in found else {})


def collected(events: Iterator[Event]) -> dict[str, Any]:
    """An answer's events as one document. Raises ClickException where one of them is an error."""
    answer: list[str] = []
    document: dict[str, Any] = {"citations": [], "refusal": None}
    for name, data in events:
        match name:
            case "segment":
                answer.append(data["text"])
            case "citation":
                document["citations"].append(data)
            case "refusal":
                document["refusal"] = data
            case "done":
                document.update(data)
            case "error":
                raise click.ClickException(f"{data['status']}: {data['detail']}")
    document["answer"] = "".join(answer).strip()
    return document


def _read(stream: TextIO) -> tuple[list[Asked], list[tuple[int, str]]]:
    """The questions, and the lines that are none with the reason."""
    lines: list[Asked] = []
    wrong: list[tuple[int, str]] = []
    for number, line in enumerate(_decoded(stream, wrong), 1):
        if not line.strip():
            continue
        try:
            lines.append(_asked(json.loads(line), number))
        except json.JSONDecodeError as error:
            wrong.append((number, f"not JSON: {error.msg}"))
        except (ValueError, RecursionError) as error:
            wrong.append((number, str(error) if isinstance(error, InputLine) else "cannot be read as JSON"))
    return lines, wrong


def _decoded(stream: TextIO, wrong: list[tuple[int, str]]) -> Iterator[str]:
    number = 0
    try:
        for line in stream:
            number += 1
            yield line
    except UnicodeDecodeError:
        wrong.append((number + 1, "not UTF-8, nor is it known where the next line begins; convert the input first"))


class InputLine(ValueError):
    """What is wrong with one line, in words."""


def _asked(row: Any, number: int) -> Asked:
    if not isinstance(row, dict) or not isinstance(row.get("question"), str) or not row["question"].strip():
        raise InputLine('needs an object with a text under "question"')
    try:
        row["question"].encode("utf-8")
    except UnicodeEncodeError:
        raise InputLine("holds half a character (a lone surrogate)") from None
    groups = row.get("groups")
    if groups is not None and not _are_texts(groups):
        raise InputLine('"groups" must be a list of texts')
    conversation = row.get("conversation")
    if conversation is not None and not isinstance(conversation, str):
        raise InputLine('"conversation" must be a text: lines that share it are turns of one conversation')
    return Asked(str(row.get("id", number)), row["question"], tuple(groups) if groups is not None else None, conversation)


def _are_texts(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(one, str) for one in value)


def from_standard_input(asker: Asker) -> None:
    ask_lines(asker, sys.stdin)
