"""Opens the chat model. Apart from the other parts, because an engine process needs nothing else of the house."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.settings import Settings
from inference.manifest import load_manifest
from inference.store import ModelStore

if TYPE_CHECKING:
    from inference.engine import ChatEngine


def open_chat(settings: Settings, models: ModelStore, **options: int | None) -> ChatEngine:
    """The chat model, not yet warm; options are `ChatEngine.load`'s. Raises ModelMissing and UnknownModel."""
    from inference.engine import ChatEngine

    path = models.path(settings.chat)
    cache = models.root / "compiled"
    spec = load_manifest()[settings.chat]
    return ChatEngine.load(spec, path, cache_dir=cache, context=settings.context, **options)  # type: ignore[arg-type]
