"""A policy that changes while the service answers: swapped whole, recorded, and never by a file that is broken."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from app.serving.application import create_app
from tests.support.in_force import Site, a_site, write
from tests.support.running_deployment import LONG_S, answer_of
from tests.support.waiting import eventually


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with a_site(tmp_path / "home") as found:
        found.deployment.keys.create("harbour", "caller", "portal", ("public",))
        yield found


def test_a_changed_file_is_in_force_for_the_next_query_and_its_swap_is_in_every_tenants_log(site: Site) -> None:
    before = site.in_force.policy.digest
    site.ask()
    write(site.file, version="next", tenants={"harbour": {"rails": {"topic": {"action": "block"}}}})
    site.documents["in force"].look()
    query, _ = site.ask()
    after = site.in_force.policy.resolve("halden").digest
    assert after != before
    assert {e.policy_digest for e in site.deployment.reader.query("halden", query.id)} == {after}
    for tenant in ("halden", "harbour"):
        (swap,) = site.events("policy_loaded", tenant)
        assert swap.body["before"] == {"digest": before, "version": swap.body["before"]["version"], "document": before}
        assert swap.body["after"]["digest"] == site.in_force.policy.resolve(tenant).digest
        assert swap.body["after"]["version"] == "next"
        assert swap.labels == {"before": before, "after": swap.body["after"]["digest"], "role": "in force"}


def test_comments_and_layout_swap_nothing(site: Site) -> None:
    site.file.write_text("# a note to ourselves\n" + site.file.read_text("utf-8"), "utf-8")
    cache = site.documents["in force"].cache
    site.documents["in force"].look()
    assert site.documents["in force"].cache is cache
    assert site.events("policy_loaded") == []


def test_a_broken_file_leaves_the_old_policy_in_force_and_says_where_it_is_broken(site: Site) -> None:
    before = site.in_force.policy.digest
    good = site.file.read_text("utf-8")
    site.file.write_text(good.replace("action: block", "action: blok", 1), "utf-8")
    line = next(n for n, text in enumerate(site.file.read_text("utf-8").splitlines(), 1) if "blok" in text)
    site.documents["in force"].look()
    assert site.events("policy_rejected") == [], "it may be half written"
    for _ in range(3):
        site.documents["in force"].look()
    (rejected,) = site.events("policy_rejected")
    assert rejected.body["problem"].startswith(f"{site.file}:{line}: ")
    assert rejected.body["kept"]["digest"] == before == rejected.policy_digest
    client = create_app(site.service).test_client()
    assert client.get("/readyz").get_json()["policies"]["in force"] == {
        "digest": before,
        "version": site.in_force.policy.version,
        "rejected": rejected.body["problem"],
    }
    shown = client.get("/metrics").text
    assert 'countersign_policy_file_rejected{role="in force"} 1.0' in shown
    assert f'digest="{before}"' in shown
    _, out = site.ask()
    assert answer_of(out).outcome == "answered"
    site.file.write_text(good.replace("version: '", "version: 'n", 1), "utf-8")
    site.documents["in force"].look()
    assert site.in_force.policy.digest != before
    assert site.in_force.standings["in force"].rejected == ""
    assert 'countersign_policy_file_rejected{role="in force"} 0.0' in client.get("/metrics").text


@pytest.mark.parametrize(
    "broken", [b"\xff\xfe\x00", b"", b"[" * 5000, b"- a list"], ids=["no text", "empty", "deep", "list"]
)
def test_no_file_whatever_it_holds_replaces_a_good_policy(site: Site, broken: bytes) -> None:
    before = site.in_force.policy.digest
    site.file.write_bytes(broken)
    site.documents["in force"].look(at_once=True)
    assert site.in_force.policy.digest == before
    assert len(site.events("policy_rejected")) == 1
    site.file.unlink()
    site.documents["in force"].look(at_once=True)
    assert site.in_force.policy.digest == before


def test_a_swap_that_cannot_be_recorded_does_not_happen_until_it_can(site: Site) -> None:
    before = site.in_force.policy.digest

    def fail(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("INSERT INTO audit_record"):
            raise sqlite3.OperationalError("disk I/O error")

    write(site.file, version="next")
    event.listen(site.deployment.engine, "before_cursor_execute", fail)
    try:
        site.documents["in force"].look()
        assert site.in_force.policy.digest == before
    finally:
        event.remove(site.deployment.engine, "before_cursor_execute", fail)
    site.documents["in force"].look()
    assert site.in_force.policy.version == "next"


def test_a_file_that_the_policy_extends_is_watched_too(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    base = write(home / "base.yaml")
    (home / "policy.yaml").write_text("extends: base.yaml\nversion: mine\n", "utf-8")
    with a_site(home) as site:
        before = site.in_force.policy.digest
        write(base, topic={"in_scope": ["Where is the lighthouse?"], "similarity": 0.7})
        site.documents["in force"].look()
        assert site.in_force.policy.digest != before
        assert site.in_force.policy.topic.similarity == 0.7


def test_the_watcher_looks_by_itself_and_when_it_is_told_to(site: Site) -> None:
    site.in_force.start()
    write(site.file, version="second")
    eventually(lambda: site.in_force.policy.version == "second")
    write(site.file, version="third")
    site.service.reload_policy()
    eventually(lambda: site.in_force.policy.version == "third")


def test_swaps_under_load_lose_no_query_and_no_query_mixes_two_policies(site: Site) -> None:
    asked: list[tuple[str, str]] = []
    lock, stop = threading.Lock(), threading.Event()

    def ask() -> None:
        while not stop.is_set():
            with lock:
                query = site.query("What is inflation, and what moves it?")
            outcome = answer_of(list(site.answer(query))).outcome
            with lock:
                asked.append((query.id, outcome))

    callers = [threading.Thread(target=ask) for _ in range(4)]
    site.in_force.start()
    for caller in callers:
        caller.start()
    digests = {site.in_force.policy.digest}
    for number in range(5):
        have = len(asked)
        write(site.file, version=f"v{number}")
        site.service.reload_policy()
        eventually(lambda number=number: site.in_force.policy.version == f"v{number}")  # type: ignore[misc]
        digests.add(site.in_force.policy.digest)
        eventually(lambda have=have: len(asked) > have + 8)  # type: ignore[misc]
    stop.set()
    for caller in callers:
        caller.join(LONG_S)
    assert {outcome for _, outcome in asked} == {"answered"}
    seen = set()
    for query, _ in asked:
        events = site.deployment.reader.query("halden", query)
        assert sum(e.kind == "judged" for e in events) > 4
        (digest,) = {e.policy_digest for e in events}
        seen.add(digest)
    assert seen == digests
