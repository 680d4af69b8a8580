"""The catalogue of event kinds is the one home of their names, and what is appended fits it."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine

from audit import kinds
from audit.append.store import AuditStore
from audit.errors import EventRefused
from audit.format.events import Entry
from audit.format.kind import COUNT, TEXT, Field, Kind, Whose
from audit.read.reader import AuditReader
from audit.retention.state import COMMUNICATIONS, Rule
from audit.sealing.subject_keys import SubjectKeys
from tests.support.events import step

ROOT = Path(__file__).parents[2]
ROOMS = ("app", "orchestrator", "moderation", "audit", "retrieval", "inference", "deploy")
Opened = Callable[..., AuditStore]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("events_page", ROOT / "docs/events.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_kind_has_a_name_of_its_own_and_only_looks_begin_like_one() -> None:
    assert len(kinds.BY_NAME) == len(kinds.ALL) == 51
    assert {kind.name for kind in kinds.ALL if kinds.is_look(kind.name)} == {
        kind.name for kind in kinds.ALL if kind.whose is Whose.ACCESS
    }


def test_the_page_of_events_is_what_the_catalogue_says(script: ModuleType) -> None:
    assert script.PAGE.read_text("utf-8") == script.page(), "run: python docs/events.py"


def test_the_page_explains_every_kind_and_every_field(script: ModuleType) -> None:
    text = script.page()
    for kind in kinds.ALL:
        assert f"### `{kind.name}`" in text
        section = text.partition(f"### `{kind.name}`")[2].partition("\n###")[0]
        assert all(f"`{one.name}`" in section for one in (*kind.body, *kind.labels))


def test_a_bundle_s_format_page_points_to_the_page_of_events() -> None:
    assert "(events.md)" in (ROOT / "docs/audit-bundle.md").read_text("utf-8")


def test_no_other_file_spells_a_kind_out() -> None:
    found = [f"{path.relative_to(ROOT)}:{line}: {name}" for path in _sources() for line, name in _spelt(path)]
    assert found == []


def _sources() -> Iterator[Path]:
    for room in ROOMS:
        yield from (path for path in sorted((ROOT / room).rglob("*.py")) if path != ROOT / "audit/kinds.py")


def _spelt(path: Path) -> Iterator[tuple[int, str]]:
    """Where a kind is compared with, matched against or handed over as `kind` by a literal; a dotted one anywhere, but where
    a service's own log uses the same word."""
    tree = ast.parse(path.read_text("utf-8"))
    logged = {id(call.args[0]) for call in ast.walk(tree) if _is_log_call(call)}  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if "." in text and text in kinds.BY_NAME and id(node) not in logged:
                yield node.lineno, text
            case ast.Compare(left=left, comparators=compared) if _is_kind(left):
                yield from _known(compared)
            case ast.Match(subject=subject, cases=cases) if _is_kind(subject):
                yield from _known([case.pattern for case in cases])


def _is_kind(node: ast.AST) -> bool:
    return getattr(node, "attr", getattr(node, "id", "")) == "kind"


def _known(nodes: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    for one in (each for node in nodes for each in ast.walk(node)):
        if isinstance(one, ast.Constant) and one.value in kinds.BY_NAME:
            yield one.lineno, str(one.value)


def _is_log_call(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
        and bool(node.args)
    )


@pytest.mark.parametrize("name", ["policy_loaded", "policy_rejected", "access.viewed", "hold.placed"])
def test_a_rule_for_communications_keeps_nothing_that_is_no_communication(name: str) -> None:
    assert not Rule(COMMUNICATIONS, 30).matches(name)


@pytest.mark.parametrize("name", ["received", "released", "finished", "shadowed", "of_a_newer_release"])
def test_a_rule_for_communications_keeps_what_was_said_also_of_kinds_that_are_not_known_yet(name: str) -> None:
    assert Rule(COMMUNICATIONS, 30).matches(name)


WEIGHED = Kind("weighed", Whose.QUERY, "Of a test.", (Field("grams", COUNT, ""), Field("by", TEXT, "", optional=True)))


@pytest.mark.parametrize(
    ("body", "labels", "complaint"),
    [
        ({}, {}, "'grams' is missing"),
        ({"grams": 1, "ounces": 2}, {}, "'ounces' is unknown"),
        ({"grams": "1"}, {}, "'grams' is '1', not count"),
        ({"grams": True}, {}, "'grams' is True, not count"),
        ({"grams": -1}, {}, "'grams' is -1, not count"),
        ({"grams": 1}, {"bot": "rag"}, "label field 'bot' is unknown"),
    ],
)
def test_an_event_that_does_not_fit_its_kind_is_refused_where_tests_are_strict(
    engine: Engine, opened: Opened, body: dict[str, Any], labels: dict[str, str], complaint: str
) -> None:
    store = opened(engine, strict=True)
    with pytest.raises(EventRefused, match=complaint):
        store.append("acme", Entry(WEIGHED, None, None, "actor:1", "subject:1", labels=labels, body=body))


@pytest.mark.parametrize("kind", [one for one in kinds.ALL if one.whose is Whose.ACCESS], ids=lambda kind: kind.name)
def test_who_looked_is_never_recorded_under_a_subject_that_can_be_erased(opened: Opened, engine: Engine, kind: Kind) -> None:
    """Whoever adds another way to look learns it from the tests of it."""
    store, looked = opened(engine, strict=True), step(kind.name, "q1", "s_anna")
    with pytest.raises(EventRefused, match="erasure"):
        store.append("acme", looked)
    assert store.append("acme", replace(looked, subject="staff:key:1")).wait().seq == 0


def test_an_event_that_fits_its_kind_is_taken(engine: Engine, opened: Opened) -> None:
    entry = Entry(WEIGHED, None, None, "actor:1", "subject:1", body={"grams": 5, "by": "Anna"})
    assert opened(engine, strict=True).append("acme", entry).wait().seq == 0


def test_a_service_never_loses_an_event_because_a_field_is_wrong_and_complains_once(
    engine: Engine, opened: Opened, keys: SubjectKeys, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(engine, strict=False)
    for _ in range(3):
        store.append("acme", Entry(WEIGHED, "q1", None, "actor:1", "subject:1", body={"pounds": 5})).wait()
    assert [event.body for event in AuditReader(engine, keys).query("acme", "q1")] == [{"pounds": 5}] * 3
    assert len([one for one in caplog.records if "weighed" in one.getMessage()]) == 1


@pytest.mark.parametrize("name", ["", "two words", "naïve", "x" * 300])
def test_a_kind_without_a_proper_name_is_refused(name: str) -> None:
    with pytest.raises(EventRefused):
        Kind(name, Whose.QUERY, "Of a test.")
