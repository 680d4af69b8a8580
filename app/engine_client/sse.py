"""A stream of chat completion chunks, from the bytes of any server of the OpenAI API to text and an end.

Invariant: an answer counts as whole only where the server gave its finish_reason; what it says besides is never repeated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST_LINE = 1 << 20
_WHOLE = frozenset(["stop", "length", "content_filter"])


class Broken(Exception):
    """The stream is no answer, or none that is whole. The message holds no words of the server's."""


@dataclass
class Chunks:
    """Belongs to one request. finish_reason is empty until the server has given one."""

    finish_reason: str = ""
    usage: dict[str, int] = field(default_factory=dict)
    ended: bool = False
    _rest: bytes = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """The text that the bytes complete. Raises Broken."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise Broken("sent a line without an end")
        for line in lines:
            name, _, value = line.rstrip(b"\r").partition(b":")
            if name != b"data" or self.ended:  # a comment keeps the connection alive
                continue
            value = value.strip()
            if value == b"[DONE]":
                self.ended = True
                continue
            yield from self._chunk(value)

    def close(self) -> None:
        """The bytes have ended. Raises Broken where the answer has not."""
        if not self.finish_reason:
            raise Broken("broke off before the answer's end")
        if self.finish_reason not in _WHOLE:
            raise Broken("ended the answer for a reason that is not its own end")

    def _chunk(self, value: bytes) -> Iterator[str]:
        try:
            chunk = json.loads(value)
        except (ValueError, RecursionError):
            raise Broken("sent an event that is not JSON") from None
        if not isinstance(chunk, dict):
            raise Broken("sent an event that is no chunk")
        if chunk.get("error"):
            raise Broken("told of an error")
        if isinstance(chunk.get("usage"), dict):
            self.usage = counted(chunk["usage"])
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return
        delta = choices[0].get("delta")
        text = delta.get("content") if isinstance(delta, dict) else None
        if isinstance(text, str) and text:
            yield text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # whole characters
        reason = choices[0].get("finish_reason")
        if isinstance(reason, str) and reason:
            self.finish_reason = reason


def counted(usage: Mapping[str, Any]) -> dict[str, int]:
    """Tokens by kind, where the server tells them."""
    details = usage.get("prompt_tokens_details")
    told = {
        "prompt_tokens": usage.get("prompt_tokens"),
        "completion_tokens": usage.get("completion_tokens"),
        "cached_tokens": details.get("cached_tokens") if isinstance(details, dict) else None,
    }
    return {kind: n for kind, n in told.items() if isinstance(n, int) and not isinstance(n, bool) and n >= 0}
