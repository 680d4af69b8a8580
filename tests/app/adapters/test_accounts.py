"""Every way in which a journey asks the model of this process names the tenant on whose account it does.

The kind of fault: all callers are one to the engine, so whoever floods it stands before the others.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from app.adapters.model import LoadedLater
from app.engine_client.engines import Engines
from app.engine_client.fleet import How
from app.engine_server.views import _tenant
from inference.types import Completion, Looked, Terms
from orchestrator.types import scope_of, tenant_of


class Engine:
    """Notes on whose account it is asked."""

    digest = ""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def warm(self, *_: Any) -> None: ...
    def share(self, *_: Any) -> None: ...

    def look(self, _prompt: Any, _after: Any, _gaze: Any, tenant: str = "") -> Looked:
        self.asked.append(tenant)
        return Looked(np.zeros(1, np.float32), np.zeros((1, 2, 1), np.float32))

    def stream(
        self, _prompt: Any, _sampling: Any, _cancel: Any, terms: Terms | None = None
    ) -> Generator[Any, None, Completion]:
        self.asked.append(terms.tenant if terms else "")
        yield SimpleNamespace(text="said")
        return Completion("said", "stop", 1, 1)


def test_answers_looks_and_short_writings_are_on_the_tenants_account() -> None:
    engine = Engine()
    model = LoadedLater("tiny", lambda: cast(Any, engine))
    model.load()
    messages = [("user", "What is inflation?")]
    for groups in (frozenset[str](), frozenset({"board", "public"})):
        assert "".join(model.stream(messages, {}, threading.Event(), scope_of("meridian", groups))) == "said"
    assert model.write(messages, "{}", tenant="meridian") == "said"
    assert model.look(messages, (1,), ((1, 1),), ["part"], "asking", tenant="meridian")
    assert engine.asked == ["meridian"] * 4


@pytest.mark.parametrize("groups", [frozenset[str](), frozenset({"a"}), frozenset({"a", "b"})])
def test_a_remote_engine_counts_all_groups_of_a_tenant_as_one_and_tells_scopes_apart(groups: frozenset[str]) -> None:
    engines = Engines((), How(secret=b"s" * 32))
    own, alone, other = (engines._named(scope_of(*one)) for one in (("a", groups), ("a", frozenset({"z"})), ("b", groups)))
    assert _tenant(own) == _tenant(alone) != _tenant(other)
    assert len({own, alone, other}) == 3
    assert len(own) <= 128
    assert tenant_of(scope_of("a", groups)) == "a"
