"""The words of this room: what is asked of a chat model and what comes back.

Plain frozen values without JAX, so that any caller can build them. A `Delta`'s text is always whole
characters: no caller ever sees half of a UTF-8 sequence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # whoever imports the words of the room waits for no library
    import numpy as np
    from numpy.typing import NDArray

FinishReason = Literal["stop", "length", "cancelled", "deadline"]


@dataclass(frozen=True)
class Message:
    """One turn. `role` is one of the chat template's roles: system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True)
class Prompt:
    """A conversation. Prompts that carry the same `reuse` mark may share the work done on a common beginning.

    The mark must name everyone who may see that beginning (tenant, access groups, conversation). None shares nothing.
    """

    messages: tuple[Message, ...]
    reuse: str | None = None


@dataclass(frozen=True)
class Gaze:
    """Where a prompt's question looks: how much of the attention of the text `asking` the texts `parts` have, which stand
    in the prompt before it, in this order. heads: (layer, head), from 0."""

    heads: tuple[tuple[int, int], ...]
    parts: tuple[str, ...]
    asking: str


@dataclass(frozen=True)
class Looked:
    """state: float32[layers * width], of the prompt's last token. attention: float32[heads, 2, parts], each head's mean and
    most over the tokens that ask."""

    state: NDArray[np.float32]
    attention: NDArray[np.float32]


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen.

    `temperature` 0 is greedy. With a temperature, the same seed, prompt, weights and engine give the same answer.
    Generation ends before the first of the `stop` strings, which is not part of the answer.

    `schema` is a JSON schema, as JSON text: the answer is then one JSON value that follows it. An answer that `max_tokens`
    cuts off is only the beginning of one; give strings, arrays and numbers a bound.
    """

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    schema: str | None = None

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"Sampling.max_tokens is {self.max_tokens}; ask for at least 1 token")
        if not 0.0 <= self.temperature <= 10.0:
            raise ValueError(f"Sampling.temperature is {self.temperature}; it must be from 0 to 10")
        if not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"Sampling.top_p is {self.top_p}; it must be above 0 and at most 1")
        if any(not text for text in self.stop):
            raise ValueError("Sampling.stop holds an empty string; leave it out")


@dataclass(frozen=True)
class Terms:
    """On what terms an answer is made. priority: 0 for people, 1 for campaigns. deadline_s: from now, queueing included.

    A tenant's service is weighed against the others'. None of this changes a token of the answer.
    """

    tenant: str = ""
    priority: int = 0
    deadline_s: float | None = None


@dataclass(frozen=True)
class Delta:
    """Newly decoded text and how many tokens it took. Several tokens may be needed for one character."""

    text: str
    tokens: int


@dataclass(frozen=True)
class Completion:
    """An answer that has ended. cached_tokens: how many of the prompt's were in the cache already; no part of the answer."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = field(default=0, compare=False)
