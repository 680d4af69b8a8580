"""The model's own chat template, rendered so that nobody can forge a turn.

Jinja never sees what a message says: it sees a random mark in its place, and the marks are replaced afterwards by
pieces that are known to be a person's text. The template runs in a sandbox, for it comes out of a downloaded file.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from inference.errors import PromptInvalid
from inference.types import Message

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Piece:
    """A run of the rendered prompt; `trusted` where the template itself wrote it."""

    text: str
    trusted: bool


class ChatTemplate:
    """Immutable after it was made; any number of threads may use it."""

    def __init__(self, source: str, *, bos: str = "", eos: str = "") -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _refuse
        environment.globals.update(bos_token=bos, eos_token=eos)
        environment.globals["enable_thinking"] = False  # Qwen3: what is thought aloud would have to be moderated and shown
        self._template = environment.from_string(source)

    def render(self, messages: Sequence[Message], *, asked: bool = True) -> list[Piece]:
        """The conversation up to where the assistant begins to speak; up to its last message's end where it is not `asked`.
        Raises `PromptInvalid`."""
        if not messages:
            raise PromptInvalid("the prompt has no messages; give at least one from the user")
        for message in messages:
            if message.role not in ROLES:
                raise PromptInvalid(f"role {message.role!r} is unknown; known roles: {', '.join(ROLES)}")
        nonce = secrets.token_hex(16)
        marks = [f"[{nonce}:{index}]" if message.content else "" for index, message in enumerate(messages)]
        turns = [{"role": message.role, "content": mark} for message, mark in zip(messages, marks, strict=True)]
        try:
            rendered = self._template.render(messages=turns, add_generation_prompt=asked, tools=None)
        except TemplateError as error:
            raise PromptInvalid(f"the model's chat template refuses these messages: {error}") from error
        parts = re.split(rf"\[{nonce}:(\d+)\]", rendered)
        return [
            Piece(messages[int(part)].content, trusted=False) if place % 2 else Piece(part, trusted=True)
            for place, part in enumerate(parts)
            if part
        ]


def _refuse(reason: str) -> NoReturn:
    raise TemplateError(reason)
