"""Adversarial streams through the service: not a byte of what a rail blocks, nor of what follows it, reaches a client.

A short form of `make fuzz`, which plays a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.serving.application import create_app
from app.settings import Settings
from app.wiring.service import Service
from orchestrator.bots.base import Text
from tests.faults.oracle import wrongs
from tests.faults.reading import plain
from tests.faults.stage import Stage, a_stage
from tests.faults.streams import BLOCKED, KINDS, TRANSPORTS, Stream, stream
from tests.faults.wire import playable, wired
from tests.support.sharing import free_port

SEED = 7
EACH = 40


@contextmanager
def staged(home: Path, *, stored: bool = False) -> Iterator[Stage]:
    service = Service.open(Settings(home=home, light=True))
    try:
        key = service.deployment.keys.create("halden", "caller", "streams", ())
        with a_stage(service, create_app(service), key, stored=stored) as stage:
            yield stage
    finally:
        service.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("streams")) as stage:
        yield stage


def play(stage: Stage, played: Stream) -> list[str]:
    heard = stage.play(played)
    return wrongs(played, heard, stage.record.take(heard.query))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_blocked_or_unrecorded_reaches_a_client(stage: Stage, kind: str) -> None:
    found = {(number, what) for number in range(EACH) for what in play(stage, stream(SEED, number, [kind]))}
    assert not found


def test_the_same_holds_where_the_records_go_to_the_disk(tmp_path: Path) -> None:
    with staged(tmp_path, stored=True) as stage:
        found = {(number, what) for number in range(3 * len(KINDS)) for what in play(stage, stream(SEED, number))}
    assert not found


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_blocked_word_split_at_any_byte_reaches_no_client(stage: Stage, transport: str) -> None:
    raw = f"Größe zählt, said the fund manager. 基金 {BLOCKED} danach".encode()
    for at in range(len(raw) + 1):
        parts = (raw[:at].decode(errors="ignore"), raw[len(raw[:at].decode(errors="ignore").encode()) :].decode())
        played = Stream(at, "split", f"[{at}] What is it?", (Text(parts[0]), Text(parts[1])), transport)  # type: ignore[arg-type]
        assert play(stage, played) == []


def test_the_streams_are_worth_playing(stage: Stage) -> None:
    """Some are answered, some stopped in their first segment and some later: else all of this would hold for a mute."""
    outcomes = set()
    for number in range(8 * len(KINDS)):
        heard = stage.play(stream(SEED, number))
        outcomes.add((heard.outcome, bool(plain(heard.text))))
    assert outcomes >= {("answered", True), ("refused", True), ("refused", False), ("failed", False), ("abstained", True)}


def test_the_judgement_notices_a_leak(stage: Stage) -> None:
    """A blocked word that was heard, a segment whose event is missing and a second end are each found."""
    played = stream(SEED, 0, ["after released"])
    heard = stage.play(played)
    record = stage.record.take(heard.query)
    assert wrongs(played, heard, record) == []
    leaked = replace(heard, segments=[played.said], strings=[played.said])
    assert f"'{BLOCKED}' reached the client" in wrongs(played, leaked, record)
    assert "what was heard is not what was released" in wrongs(played, leaked, record)
    unrecorded = [(kind, body) for kind, body in record if kind != "released"]
    if heard.text:
        assert "what was heard is not what was released" in wrongs(played, heard, unrecorded)
    assert "several ends" in wrongs(played, heard, [*record, record[-1]])
    late = [*record, ("judged", {"direction": "output", "segment": 9, "verdict": "allow", "reason": ""})]
    assert any("begins and ends" in what for what in wrongs(played, heard, late))


@pytest.mark.process
def test_the_same_holds_for_bytes_read_from_a_socket(tmp_path: Path) -> None:
    with wired(tmp_path, free_port(), SEED) as wire:
        found = {(s.number, what) for s in playable(SEED, range(3 * len(KINDS))) for what in wire.play(s)}
    assert not found
