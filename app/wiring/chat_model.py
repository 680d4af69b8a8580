"""Opens the chat model. Apart from the other parts, because an engine process needs nothing else of a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.settings import Settings
from inference.store.manifest import load_manifest
from inference.store.model_store import ModelStore

if TYPE_CHECKING:
    from inference.engine.chat import ChatEngine


def open_chat(settings: Settings, models: ModelStore, **options: Any) -> ChatEngine:
    """The chat model of the settings, not yet warm; options are `ChatEngine.open`'s.

    Raises ModelMissing, UnknownModel, ModelUnsupported and AdapterUnfit.
    """
    from inference.engine.chat import ChatEngine

    options = {**_common(settings, models), **options}
    if settings.chat_files is not None:
        return ChatEngine.open(settings.chat_files, **options)
    path = models.path(settings.chat)  # raises where the manifest has no such model
    return ChatEngine.load(load_manifest()[settings.chat], path, **options)


def follow_chat(settings: Settings, models: ModelStore, **options: Any) -> None:
    """One of several processes of the settings' chat model, but not the first; options are `ChatEngine.follow`'s."""
    from inference.engine.chat import ChatEngine

    names: tuple[str, ...] = ()
    path = settings.chat_files
    if path is None:
        path = models.path(settings.chat)
        names = load_manifest()[settings.chat].names
    ChatEngine.follow(path, names=names, **_common(settings, models), **options)


def _common(settings: Settings, models: ModelStore) -> dict[str, Any]:
    return {"cache_dir": models.root / "compiled", "context": settings.context, "adapter": settings.chat_adapter}
