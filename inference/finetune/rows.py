"""The training data: a JSONL file, each line a conversation or a question with its answer.

    {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}
    {"question": "…", "answer": "…", "system": "…"}              # the system message may be left out

Nothing starts while a line is wrong, and what is told of it is its place and the reason, never what it says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import RowsUnfit, TrainingRefused
from inference.text.chat_template import ROLES
from inference.types import Message

_TOLD = 10


@dataclass(frozen=True)
class Row:
    """`line`: from 1. `digest`: of what it says, so that a row that is there twice is known."""

    line: int
    messages: tuple[Message, ...]
    digest: bytes


class Unfit(ValueError):
    """Why one line cannot be used."""


def read_rows(path: Path) -> list[Row]:
    """Every line that is not blank. Raises `RowsUnfit` naming each wrong line, `TrainingRefused` where there are none."""
    rows: list[Row] = []
    problems: list[str] = []
    try:
        with path.open("rb") as stream:
            for line, content in enumerate(stream, 1):
                if not content.strip():
                    continue
                try:
                    messages = read_line(content)
                except Unfit as reason:
                    problems.append(f"{path}, line {line}: {reason}")
                    continue
                spoken = json.dumps([(message.role, message.content) for message in messages])
                rows.append(Row(line, messages, hashlib.sha256(spoken.encode()).digest()))
    except OSError as error:
        raise TrainingRefused(f"{path} cannot be read ({error.strerror}); give a file of JSON lines") from error
    refuse(problems)
    if not rows:
        raise TrainingRefused(f"{path} has no rows; give a file of JSON lines, one conversation each")
    return rows


def refuse(problems: Sequence[str]) -> None:
    """Raises `RowsUnfit` where there are problems."""
    if problems:
        more = [f"and {len(problems) - _TOLD} more lines like these"] if len(problems) > _TOLD else []
        raise RowsUnfit([*problems[:_TOLD], *more])


def read_line(content: bytes) -> tuple[Message, ...]:
    """The conversation of a line. Raises `Unfit`."""
    try:
        row = json.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise Unfit("not UTF-8; convert the file first") from None
    except json.JSONDecodeError as error:
        raise Unfit(f"not JSON: {error.msg} (column {error.colno})") from None
    except (ValueError, RecursionError):
        raise Unfit("its numbers are too long or it is nested too deeply to be read") from None
    if not isinstance(row, dict):
        raise Unfit('not an object; needs "messages", or "question" and "answer"')
    if "messages" in row and "question" in row:
        raise Unfit('has both "messages" and "question"; give one of them')
    if "question" in row:
        asked = [("system", row["system"])] if "system" in row else []
        turns: Any = [*asked, ("user", row["question"]), ("assistant", row.get("answer"))]
        names = [*(["system"] if asked else []), "question", "answer"]
    elif isinstance(row.get("messages"), list):
        turns = [_turn(place, entry) for place, entry in enumerate(row["messages"], 1)]
        names = [f"content of message {place}" for place in range(1, len(turns) + 1)]
    else:
        raise Unfit('needs a list "messages", or "question" and "answer"')
    messages = tuple(Message(role, _text(name, text)) for (role, text), name in zip(turns, names, strict=True))
    _check(messages, names)
    return messages


def _turn(place: int, entry: Any) -> tuple[str, Any]:
    if not isinstance(entry, dict) or entry.get("role") not in ROLES:
        raise Unfit(f"message {place} needs a role, one of {', '.join(ROLES)}")
    return entry["role"], entry.get("content")


def _text(name: str, text: Any) -> str:
    if not isinstance(text, str):
        raise Unfit(f"the {name} is missing or no text")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Unfit(f"the {name} holds half a character (a lone surrogate)") from None
    return text


def _check(messages: Sequence[Message], names: Sequence[str]) -> None:
    if not any(message.role == "assistant" for message in messages):
        raise Unfit("has no message of the assistant, so that there is nothing to learn")
    if messages[0].role == "assistant":
        raise Unfit("begins with the assistant; a message of the user must come before an answer")
    for message, name in zip(messages, names, strict=True):
        if message.role == "assistant" and not message.content.strip():
            raise Unfit(f"the {name} is empty, and nothing can be learnt from an empty answer")


def held_apart(rows: Sequence[Row], share: float, seed: int) -> tuple[list[Row], list[Row]]:
    """(trained on, held out). Equal rows are on the same side; so nobody is tested on what they were shown."""
    distinct = sorted({row.digest for row in rows}, key=lambda one: hashlib.sha256(b"%d " % seed + one).digest())
    count = min(max(1, round(share * len(distinct))), len(distinct) - 1) if share else 0
    apart = set(distinct[:count])
    return [row for row in rows if row.digest not in apart], [row for row in rows if row.digest in apart]
