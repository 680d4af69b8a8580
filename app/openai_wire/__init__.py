"""/v1/chat/completions of the OpenAI API: what a client may send, and the form of what it is told, by service and engine.

What cannot be honoured (tools, several choices) is refused by name, never ignored; neutral values of it are accepted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCOPE = "X-Countersign-Scope"
"""The header in which a service tells an engine whose prompts may share their beginnings."""
DONE = "data: [DONE]\n\n"


class Part(BaseModel):
    model_config = ConfigDict(extra="ignore")
    type: Literal["text"]
    text: str


class Message(BaseModel):
    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")
    include_usage: bool = False


class CompletionBody(BaseModel):
    """The parts of the API that are honoured."""

    model_config = ConfigDict(extra="forbid")
    model: str
    messages: Annotated[list[Message], Field(min_length=1, max_length=200)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int | None, Field(ge=1, le=4096)] = None
    max_completion_tokens: Annotated[int | None, Field(ge=1, le=4096)] = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    seed: Annotated[int | None, Field(ge=0, lt=2**31)] = None
    stop: Annotated[str, Field(min_length=1)] | list[Annotated[str, Field(min_length=1)]] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    n: Literal[1] | None = None
    frequency_penalty: Annotated[float | None, Field(ge=0, le=0)] = None
    presence_penalty: Annotated[float | None, Field(ge=0, le=0)] = None
    logprobs: Literal[False] | None = None
    store: Literal[False] | None = None
    metadata: dict[str, str] | None = None
    response_format: dict[Literal["type"], Literal["text"]] | None = None

    def sampling(self) -> dict[str, object]:
        """What is set of how tokens are chosen, under the engine's names for it."""
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop) if self.stop else None
        given = {
            "max_tokens": self.max_completion_tokens or self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": self.seed,
            "stop": stop,
        }
        return {name: value for name, value in given.items() if value is not None}


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
