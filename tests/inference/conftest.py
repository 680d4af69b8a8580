"""Models of this machine's store, opened once; tests that need a model that is not here are skipped with the reason."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference import Completion, ModelMissing, ModelStore, Prompt, Sampling, load_manifest

LIGHT = "smollm2-135m-instruct"
GOLDEN = Path(__file__).with_name("golden")

Ask = Callable[..., tuple[list[str], Completion]]


def model_path(name: str) -> Path:
    try:
        return ModelStore().path(name)
    except ModelMissing as error:
        pytest.skip(str(error))


def golden(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    return content


def load_engine(name: str, **options: Any) -> Any:
    from inference.engine.chat import ChatEngine

    path = model_path(name)
    cache = ModelStore().root.parent / "engine"
    return ChatEngine.load(load_manifest()[name], path, cache_dir=cache, **options)


@pytest.fixture(scope="session")
def engine() -> Any:
    return load_engine(LIGHT, context=1024)


@pytest.fixture(scope="session")
def exact_engine() -> Any:
    """On XLA's own products, as where there is no compiler."""
    return load_engine(LIGHT, context=1024, precision="float32")


@pytest.fixture(scope="session")
def encoder() -> Any:
    from inference.encoder import SentenceEncoder

    return SentenceEncoder.load(model_path("all-minilm-l6-v2"), cache_dir=ModelStore().root.parent / "engine")


def ask(engine: Any, prompt: Prompt, **sampling: Any) -> tuple[list[str], Completion]:
    """The pieces of an answer, and the whole."""
    pieces = []
    answer = engine.stream(prompt, Sampling(**sampling), threading.Event())
    while True:
        try:
            pieces.append(next(answer).text)
        except StopIteration as end:
            return pieces, end.value
