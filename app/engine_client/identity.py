"""What an engine says that it serves, from GET /v1/models."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from app.engine_client.sse import Broken

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[\w.:/@+ -]{1,200}")


@dataclass(frozen=True)
class Identity:
    """digest: SHA-256 of the weights, where the server tells it; Countersign's engines do."""

    model: str
    digest: str

    @property
    def told(self) -> str:
        return f"{self.model} ({self.digest[:12] or 'no digest'})"

    def same(self, other: Identity) -> bool:
        return self.model == other.model and (self.digest == other.digest or not (self.digest and other.digest))


def identity(content: bytes, wanted: str) -> Identity:
    """The model that is wanted, or the first of the list. Raises Broken."""
    try:
        listed = json.loads(content)["data"]
        models = {one["id"]: one for one in listed if isinstance(one["id"], str) and _NAME.fullmatch(one["id"])}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Broken("lists no models") from None
    if wanted and wanted not in models:
        raise Broken(f"does not serve {wanted}")
    if not models:
        raise Broken("lists no models")
    name = wanted or next(iter(models))
    digest = models[name].get("digest")
    return Identity(name, digest if isinstance(digest, str) and _DIGEST.fullmatch(digest) else "")
