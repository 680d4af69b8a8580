"""The settings of quotas: `[quotas.key]` and `[quotas.tenant]`, what one key and one tenant may ask of a service."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Quota(BaseModel):
    """What one of them may ask. Each process counts for itself: of two replicas, a caller may ask twice as much."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chats: int = Field(0, ge=0, description="journeys at a time; 0: all of max_chats but a quarter (a tenant: an eighth)")
    requests_minute: int = Field(0, ge=0, description="questions a minute; 0: any number")
    tokens_minute: int = Field(
        0, ge=0, description="tokens a minute, of questions with what they bring along and of answers; 0: any number"
    )


class Quotas(BaseModel):
    """More than a quota is answered 429 with Retry-After."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Quota = Field(Quota(), description="of each key")
    tenant: Quota = Field(Quota(), description="of all keys of a tenant together")
