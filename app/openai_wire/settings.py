"""The settings of clients of the OpenAI API: `[openai]`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


class OpenAISettings(BaseModel):
    """What such a client may send along, and how it is kept waiting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    refuse_roles: Annotated[tuple[Literal["system", "assistant"], ...], BeforeValidator(_one_or_many)] = Field(
        (),
        description="messages that callers may not bring along: `system` (`developer` too), `assistant` (earlier turns; "
        "conversations are then kept here and named in the header Countersign-Conversation)",
    )
    keep_alive: Literal["chunk", "comment", "none"] = Field(
        "chunk",
        description="what a stream sends while there is nothing to say: `chunk`, an empty one, which every client reads; "
        "`comment`, a line of SSE's; `none`, then a caller who hung up is noticed only at the next words",
    )
