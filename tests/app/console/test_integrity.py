"""The log is verified beside the requests: a page shows the last result with its time, and waits for none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from app.console.integrity import LogVerifier
from audit.verify.problems import Problem, Report
from tests.app.conftest import Site
from tests.app.console.test_console import append, signed_in
from tests.support.waiting import eventually

SOUND = Report(True, [], 7, {"halden": (7, "ab" * 32)})
WAIT_S = 20.0


@pytest.fixture
def opened() -> Iterator[Callable[..., LogVerifier]]:
    made: list[LogVerifier] = []

    def opened(verify: Callable[[str], Report], every_s: float = 3600.0) -> LogVerifier:
        made.append(LogVerifier(verify, every_s))
        return made[-1]

    yield opened
    for one in made:
        one.close()


def test_a_look_does_not_wait_for_a_verification_that_is_under_way(opened: Callable[..., LogVerifier]) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow(tenant: str) -> Report:
        begun.set()
        may_end.wait(WAIT_S)
        return SOUND

    verifier = opened(slow)
    assert verifier.last("halden") is None
    assert begun.wait(WAIT_S)
    assert verifier.last("halden") is None
    may_end.set()
    found = verifier.wait("halden", WAIT_S)
    assert found is not None
    assert (found.ok, found.tree_size, found.root) == (True, 7, "ab" * 32)


def test_an_old_result_is_shown_while_a_new_one_is_made(opened: Callable[..., LogVerifier]) -> None:
    sizes = iter(range(1, 1000))
    may_go_on = threading.Semaphore(1)

    def growing(tenant: str) -> Report:
        may_go_on.acquire(timeout=WAIT_S)
        return replace(SOUND, events=next(sizes))

    verifier = opened(growing, every_s=0.0)
    first = verifier.wait("halden", WAIT_S)
    assert first is not None
    assert verifier.last("halden") == first
    may_go_on.release()
    eventually(lambda: (verifier.last("halden") or first).tree_size == 2)


def test_a_fresh_result_is_not_made_again(opened: Callable[..., LogVerifier]) -> None:
    asked: list[str] = []
    verifier = opened(lambda tenant: asked.append(tenant) or SOUND)  # type: ignore[func-returns-value]
    assert verifier.wait("halden", WAIT_S) == verifier.last("halden") == verifier.wait("halden", WAIT_S)
    assert verifier.wait("other", WAIT_S) is not None
    assert asked == ["halden", "other"]


def test_what_is_damaged_is_listed_and_never_called_sound(opened: Callable[..., LogVerifier]) -> None:
    damage = [Problem("halden", n, "chain", "does not fit") for n in range(9)]
    found = opened(lambda _: Report(False, damage, 9, {})).wait("halden", WAIT_S)
    assert found is not None
    assert not found.ok
    assert list(found.problems) == damage[:5]


def test_a_verification_that_breaks_is_said_to_have_failed_and_tried_again(opened: Callable[..., LogVerifier]) -> None:
    results: list[Report | Exception] = [RuntimeError("no such thing"), SOUND]

    def verify(tenant: str) -> Report:
        one = results.pop(0) if len(results) > 1 else results[0]
        if isinstance(one, Exception):
            raise one
        return one

    verifier = opened(verify, every_s=0.0)
    found = verifier.wait("halden", WAIT_S)
    assert found is not None
    assert (found.ok, found.failed) == (False, "RuntimeError")
    eventually(lambda: getattr(verifier.last("halden"), "ok", False))


def test_the_list_shows_when_the_log_was_verified_and_how_many_events_it_has(cold: Site) -> None:
    append(cold, "halden", "q_" + "5" * 32)
    client = signed_in(cold)
    verifier: LogVerifier = cold.app.extensions["countersign.verifier"]
    found = verifier.wait("halden", WAIT_S)
    assert found is not None
    page = client.get("/review").text
    assert "Log unchanged" in page
    assert f"{found.tree_size} events" in page


def test_a_list_that_is_looked_at_while_the_log_is_verified_for_the_first_time_says_so(
    cold: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()

    def stuck(_tenant: str) -> Report:
        never.wait(WAIT_S)
        return SOUND

    verifier = LogVerifier(stuck)
    monkeypatch.setitem(cold.app.extensions, "countersign.verifier", verifier)
    assert "The log is being verified" in signed_in(cold).get("/review").text
    never.set()
    verifier.close()


def test_a_log_that_could_not_be_verified_is_not_called_changed_nor_unchanged(
    cold: Site, monkeypatch: pytest.MonkeyPatch, opened: Callable[..., LogVerifier]
) -> None:
    def broken(_tenant: str) -> Report:
        raise OSError("the disk is gone")

    verifier = opened(broken)
    assert verifier.wait("halden", WAIT_S) is not None
    monkeypatch.setitem(cold.app.extensions, "countersign.verifier", verifier)
    page = signed_in(cold).get("/review").text
    assert "could not be verified" in page
    assert "has been changed" not in page
    assert "Log unchanged" not in page
