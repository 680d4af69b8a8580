"""The chat model that the settings name: a folder of one's own, with an adapter."""

from __future__ import annotations

from pathlib import Path

from app.settings import load_settings
from app.wiring.chat_model import open_chat
from inference.store.model_store import ModelStore, model_digest
from inference.weights.lora import Adapter, combined_digest
from tests.inference import tiny_models


def test_a_folder_and_an_adapter_of_ones_own_are_opened(tmp_path: Path) -> None:
    folder, adapter = tiny_models.folder("qwen3", tmp_path), tiny_models.adapter(tmp_path)
    found = load_settings(home=tmp_path / "home", chat_files=folder, chat_adapter=adapter, context=512)
    engine = open_chat(found, ModelStore(tmp_path / "models"))
    engine.close()
    base = model_digest(folder)
    assert (engine.name, found.chat) == ("qwen3", "qwen3")
    assert engine.digest == combined_digest(base, Adapter.read(adapter, base, ("qwen3",)).digest)
