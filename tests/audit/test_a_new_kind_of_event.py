"""The recipe for a new kind of event, followed once: a value in audit/kinds.py, an append, and the page made again."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import Engine

import audit.kinds
from audit.append.store import AuditStore
from audit.errors import EventRefused
from audit.format.events import Entry
from audit.read.reader import AuditReader
from audit.retention.state import COMMUNICATIONS, Rule
from audit.sealing.subject_keys import SubjectKeys

ROOT = Path(__file__).parents[2]
ADDED = """
COMPLAINED = Kind(
    "complained", Whose.QUERY, "The person who asked said that the answer is wrong.",
    body=(Field("segment", COUNT, "of the answer"), Field("words", TEXT, "what they said")), labels=(_bot,),
)
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> ModuleType:
    """audit/kinds.py as it would be with one kind more."""
    source = Path(audit.kinds.__file__).read_text("utf-8")
    before, mark, after = source.partition("\n# The firm itself")
    assert mark
    (tmp_path / "kinds.py").write_text(before + ADDED + mark + after, "utf-8")
    return _module("kinds_with_one_more", tmp_path / "kinds.py")


def test_a_new_kind_is_appended_read_and_explained_without_touching_any_other_file(
    catalogue: ModuleType, engine: Engine, opened: Callable[..., AuditStore], keys: SubjectKeys
) -> None:
    store = opened(engine, strict=True)
    body = {"segment": 2, "words": "that is last year's fee"}
    entry = Entry(catalogue.COMPLAINED, "q1", None, "key:1", "s_anna", labels={"bot": "rag"}, body=body)
    store.append("acme", entry).wait()
    [found] = AuditReader(engine, keys).of_kinds("acme", [catalogue.COMPLAINED])
    assert (found.kind, found.body, found.query) == ("complained", body, "q1")
    assert len(catalogue.ALL) == len(audit.kinds.ALL) + 1
    page = _module("events_page", ROOT / "docs/events.py").page(catalogue.ALL)
    assert "### `complained`" in page
    assert "| body | `words` | text | what they said |" in page


def test_a_new_kind_of_a_query_is_kept_by_a_rule_for_communications(catalogue: ModuleType) -> None:
    assert catalogue.is_step("complained")
    assert Rule(COMMUNICATIONS, 30).matches("complained")


def test_a_field_that_the_new_kind_does_not_name_is_noticed_at_once(
    catalogue: ModuleType, engine: Engine, opened: Callable[..., AuditStore]
) -> None:
    entry = Entry(
        catalogue.COMPLAINED, "q1", None, "key:1", "s_anna", labels={"bot": "rag"}, body={"segment": 2, "text": ""}
    )
    with pytest.raises(EventRefused, match=r"'text' is unknown.*'words' is missing"):
        opened(engine, strict=True).append("acme", entry)


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
