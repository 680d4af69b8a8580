"""The real sentence encoder, for tests that judge by meaning."""

from __future__ import annotations

import pytest

from inference.errors import InferenceError
from inference.store.model_store import ModelStore
from retrieval.types import Embed


def real_embed() -> Embed:
    """Skips the test, with the reason, where the model is not in the store."""
    from inference.encoder import SentenceEncoder

    store = ModelStore()
    try:
        path = store.path("all-minilm-l6-v2")
    except InferenceError as missing:
        pytest.skip(f"the sentence encoder is not in the store: {missing}")
    found: Embed = SentenceEncoder.load(path, cache_dir=store.root.parent / "engine").embed
    return found
