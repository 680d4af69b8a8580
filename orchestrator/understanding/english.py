"""A question's English reading, for documents that are written in English.

The on-prem model translates; nobody reads the translation but the search and the reader of the documents, and the record
keeps it.
Invariant: a reading that lost or changed a figure or a tag of the question is not used.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.errors import BotUnavailable
from orchestrator.ports import Generate

INSTRUCTION = (
    "You translate a client's question to English, word for word. Write only the English question. "
    "Keep names, numbers and tags such as <PERSON_1> unchanged."
)
_LONGEST = 400
"""Characters of a question that are translated; a longer one is a text, and is looked up as it stands."""
_KEPT = re.compile(r"<[A-Z_]+_\d+>|\d+")


@dataclass(frozen=True)
class Translator:
    """The model that translates, and the bot whose model it is: with the bot switched off, nothing is translated.

    spares: whether a question (with its language) needs no reading, since no document answers it.
    """

    bot: str
    model: Generate
    spares: Callable[[str, str], bool] = lambda _question, _language: False


def in_english(question: str, model: Generate, cancel: threading.Event) -> str | None:
    """The question in English, or None where the model cannot be asked or did not keep to the question's figures."""
    if len(question) > _LONGEST:
        return None
    messages = [("system", INSTRUCTION), ("user", question)]
    said: list[str] = []
    stream = model.stream(messages, {"max_tokens": 30 + len(question) // 2, "temperature": 0.0}, cancel)
    try:
        for chunk in stream:
            said.append(chunk)
    except BotUnavailable:
        return None
    finally:
        stream.close()
    text = " ".join("".join(said).split())
    if not text or len(text) > 3 * len(question) + 40 or Counter(_KEPT.findall(text)) != Counter(_KEPT.findall(question)):
        return None
    return text
