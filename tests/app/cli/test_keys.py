"""`countersign keys` and `countersign audit verify` at a terminal: an id is never cut, and ends its key; a wrong tenant is
refused; a row that was altered is told with exit code 1."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, update

from app.cli.main import cli
from app.governance.key_desk import KeyRefused
from app.identity.tables import api_key


@pytest.fixture
def countersign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path / "home"))
    return lambda *words: CliRunner().invoke(cli, list(words), standalone_mode=False)


def test_ids_are_never_cut_and_end_a_key(countersign: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    for label in (
        "a portal whose label is long enough to need the whole of a narrow terminal",
        "desk",
        "twin",
        "twin",
        "last",
    ):
        assert countersign("keys", "create", "--label", label, "--group", "a group with a long name").exit_code == 0
    keys = [json.loads(line) for line in countersign("keys", "list", "--json").stdout.splitlines()]
    shown = countersign("keys", "list").output
    assert all(key["id"] in shown and key["label"] in shown for key in keys)
    assert "…" not in shown
    assert countersign("keys", "revoke", keys[0]["id"]).exit_code == 0
    assert countersign("keys", "revoke", keys[1]["id"][:8]).exit_code == 0
    assert countersign("keys", "revoke", "last").exit_code == 0
    for nobody in ("twin", "", "0", keys[0]["id"], "nothing"):
        with pytest.raises(KeyRefused):
            raise countersign("keys", "revoke", nobody).exception or AssertionError(nobody)
    states = [json.loads(line)["state"] for line in countersign("keys", "list", "--json").stdout.splitlines()]
    assert states == ["revoked", "revoked", "in use", "in use", "revoked"]


@pytest.mark.parametrize("tenant", ["", 'Ev"il', "new\nline"])
def test_a_tenant_that_is_named_wrongly_is_not_taken_for_the_settings_own(
    countersign: Callable[..., Result], tenant: str
) -> None:
    done = countersign("keys", "create", "--label", "x", "--tenant", tenant)
    assert isinstance(done.exception, KeyRefused)
    assert countersign("keys", "list", "--json").stdout == ""


def test_audit_verify_compares_the_rows_and_ends_with_1(countersign: Callable[..., Result], tmp_path: Path) -> None:
    assert countersign("keys", "create", "--label", "portal").exit_code == 0
    good = json.loads(countersign("audit", "verify", "--json").stdout)
    assert good["ok"], good
    engine = create_engine(f"sqlite:///{tmp_path}/home/countersign.sqlite")
    with engine.begin() as db:
        db.execute(update(api_key).values(role="administrator"))
    engine.dispose()
    bad = countersign("audit", "verify", "--json")
    assert [one["what"] for one in json.loads(bad.stdout)["problems"]] == ["api_key", "api_key"]
    assert "api_key" in countersign("audit", "verify").output
