"""A chat model that reads surrogates in place of tags, where the policy wants them; its words come back with tags.

Invariant: what a `SurrogateModel` yields never holds the beginning of a tag or of a surrogate without its end.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from orchestrator.ports import Generate, Pseudonymise, SurrogateMessages
from orchestrator.prompting import messages as prompts

_PLACEHOLDER = "\ue000"  # for the sentence about tags, whose examples are no person's
_TAG = re.compile(r"<[A-Z_]+_\d+>")


class SurrogateModel:
    """A model behind one conversation's surrogates. Implements `ports.Generate`; the usage it returns also tells how many
    surrogates of each entity the model read."""

    def __init__(self, model: Generate, pseudonyms: Pseudonymise, scope: str = "") -> None:
        self.name, self.digest = model.name, model.digest
        self._model, self._pseudonyms, self._scope = model, pseudonyms, scope

    def stream(
        self, messages: Sequence[tuple[str, str]], sampling: Mapping[str, Any], cancel: threading.Event, scope: str = ""
    ) -> Generator[str, None, Mapping[str, Any]]:
        covered = self._pseudonyms.cover([(role, _with_placeholder(role, text)) for role, text in messages])
        stream = self._model.stream(_with_tag_notice(covered), sampling, cancel, scope or self._scope)
        try:
            while True:
                try:
                    piece = next(stream)
                except StopIteration as end:
                    usage = end.value or {}
                    break
                if text := covered.reader.feed(piece):
                    yield text
        finally:
            stream.close()
        if text := covered.reader.close():
            yield text
        return {**usage, "surrogates": dict(covered.surrogates)} if covered.surrogates else usage


def _with_placeholder(role: str, text: str) -> str:
    return text.replace(prompts.ABOUT_TAGS, _PLACEHOLDER) if role == "system" else text


def _with_tag_notice(covered: SurrogateMessages) -> list[tuple[str, str]]:
    """The messages, with the sentence about tags where a tag may stand."""
    needed = not covered.surrogates or any(_TAG.search(text) for _, text in covered.messages)
    place, sentence = (_PLACEHOLDER, prompts.ABOUT_TAGS) if needed else (f"{_PLACEHOLDER} ", "")
    return [(role, text.replace(place, sentence) if role == "system" else text) for role, text in covered.messages]
