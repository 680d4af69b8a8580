"""The composition: it returns what runs, changes nothing that it is given, and leaves nothing open where it fails."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from app.wiring import running
from app.wiring.deployment import Deployment, open_deployment
from app.wiring.service import Service
from tests.support.in_force import Encoder, NothingPersonal

STARTED = ("rail", "journey", "switches", "policy-watch")


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Encoder and redactor are small stand-ins; all else is real."""

    class Loaded:
        embed = Encoder()

    monkeypatch.setattr(running, "open_encoder", lambda *_: Loaded())
    monkeypatch.setattr(running, "open_redactor", lambda *_: NothingPersonal())
    found = open_deployment(Settings(home=tmp_path / "var", light=True))
    yield found
    found.close()


@pytest.fixture
def threads() -> Callable[[], list[str]]:
    """Those of this test that a composition starts, now."""
    before = set(threading.enumerate())
    return lambda: [thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith(STARTED)]


def fields(deployment: Deployment) -> dict[str, Any]:
    return {field.name: getattr(deployment, field.name) for field in dataclasses.fields(deployment)}


def test_composing_tells_how_far_it_is_and_leaves_the_deployment_as_it_was(
    deployment: Deployment, threads: Callable[[], list[str]]
) -> None:
    before, told = fields(deployment), []
    made = running.compose(deployment, lambda part, state: told.append((part, state)))
    try:
        assert fields(deployment) == before
        assert told == [("encoder", "loading"), ("encoder", "ready"), ("names", "loading"), ("names", "ready")]
        assert made.policy.versions == {deployment.policy.digest: deployment.policy.version}
        assert made.switches.why_off("halden") is None
        assert made.library.documents(frozenset({"public"})) == []
    finally:
        made.close()
    assert threads() == []


def test_a_composition_that_fails_ends_what_it_had_started(
    deployment: Deployment, threads: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        assert "switches" in threads()
        raise OSError("no shadow today")

    monkeypatch.setattr(running, "shadow", broken)
    with pytest.raises(OSError, match="no shadow today"):
        running.compose(deployment, lambda part, state: None)
    assert threads() == []


def test_a_service_takes_no_question_before_it_is_ready_and_says_when_it_leaves(
    deployment: Deployment, threads: Callable[[], list[str]]
) -> None:
    service = Service(deployment)
    assert (service.ready, service.running) == (False, None)
    assert service.policy_versions == {deployment.policy.digest: deployment.policy.version}
    made = service.warm(chat=False)
    assert (service.ready, service.running, service.leaving) == (True, made, False)
    service.leave()
    assert (service.leaving, service.parts["service"]) == (True, "leaving")
    service.close()
    service.close()
    assert threads() == []
