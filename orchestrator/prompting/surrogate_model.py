"""Between the house and a model: it reads surrogates where the policy wants them, and tags are read back from its words.

Invariant: what comes out of a veiled model never holds the beginning of a tag or of a surrogate without its end.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from orchestrator.ports import Cover, Generate, Pseudonymise
from orchestrator.prompting import messages as prompts

_HERE = "\ue000"  # holds the place of the sentence about tags, whose examples stand for nothing
_TAG = re.compile(r"<[A-Z_]+_\d+>")


class Veiled:
    """A model behind one conversation's pseudonyms. Implements `ports.Generate`; the usage it returns also tells how many
    surrogates of each entity the model read."""

    def __init__(self, model: Generate, pseudonyms: Pseudonymise, scope: str = "") -> None:
        self.name, self.digest = model.name, model.digest
        self._model, self._pseudonyms, self._scope = model, pseudonyms, scope

    def stream(
        self, messages: Sequence[tuple[str, str]], sampling: Mapping[str, Any], cancel: threading.Event, scope: str = ""
    ) -> Generator[str, None, Mapping[str, Any]]:
        cover = self._pseudonyms.cover([(role, _marked(role, text)) for role, text in messages])
        stream = self._model.stream(_dressed(cover), sampling, cancel, scope or self._scope)
        try:
            while True:
                try:
                    piece = next(stream)
                except StopIteration as end:
                    usage = end.value or {}
                    break
                if text := cover.reader.feed(piece):
                    yield text
        finally:
            stream.close()
        if text := cover.reader.close():
            yield text
        return {**usage, "surrogates": dict(cover.surrogates)} if cover.surrogates else usage


def _marked(role: str, text: str) -> str:
    return text.replace(prompts.ABOUT_TAGS, _HERE) if role == "system" else text


def _dressed(cover: Cover) -> list[tuple[str, str]]:
    """The messages, with the sentence about tags where there may be some."""
    needed = not cover.surrogates or any(_TAG.search(text) for _, text in cover.messages)
    place, sentence = (_HERE, prompts.ABOUT_TAGS) if needed else (f"{_HERE} ", "")
    return [(role, text.replace(place, sentence) if role == "system" else text) for role, text in cover.messages]
