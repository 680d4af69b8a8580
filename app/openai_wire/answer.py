"""The form of an answer: one document, or chunks as server-sent events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

DONE = "data: [DONE]\n\n"


def event(document: Any) -> str:
    """One server-sent event."""
    return f"data: {json.dumps(document)}\n\n"


def chunk(head: Mapping[str, Any], delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> str:
    """The event of one piece of a streamed answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return event({**head, "choices": [choice], **more})


def used(head: Mapping[str, Any], usage: Mapping[str, Any]) -> str:
    """The event that tells a streamed answer's usage."""
    return event({**head, "choices": [], "usage": usage})


def whole(head: Mapping[str, Any], text: str, finish: str, usage: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The document of an answer that is not streamed."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    return {**head, "choices": [choice], "usage": usage, **more}
