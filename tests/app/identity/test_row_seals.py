"""Rows that decide who may do what are sealed, their changes are events, and `audit verify` compares both.

The kind of fault: somebody who can write to the database, and has not the key-encryption key, gives himself a right, takes
away a proof or puts an earlier state back, and nobody is told. Tried, each past the program: a key put in, a role raised,
groups widened, a tenant changed, a hash swapped, a key in use again, a key gone; a switch put in, switched on, gone, as it
was before; a turn of a conversation gone, moved, with another outcome.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, delete, insert, select, update

from app.cli.audit.roles import OTHER_TABLES
from app.governance.key_desk import KeyRefused
from app.governance.kill_switches import ALTERED
from app.governance.row_check import RowCheck
from app.identity.row_seals import SEAL
from app.identity.subjects import Person
from app.identity.tables import api_key, kill_switch
from app.settings import Settings
from app.wiring.deployment import Deployment, open_deployment
from audit.database.tables import TABLES
from audit.errors import AuditUnavailable
from audit.kinds import KEY_CREATED, KEY_REVOKED, KEYS_ADOPTED
from audit.verify.problems import Report
from migrations.rooms import collect_metadata
from orchestrator.memory.tables import turn
from orchestrator.types import Turn
from tests.support.events import step

FORGED = "cs_forged"


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    deployment = open_deployment(Settings(home=tmp_path / "var"))
    yield deployment
    deployment.close()


@pytest.fixture
def database(deployment: Deployment) -> Iterator[Engine]:
    """Another way into the database than the program's."""
    engine = create_engine(deployment.settings.url)
    yield engine
    engine.dispose()


@pytest.fixture
def secret(deployment: Deployment) -> str:
    """Of a caller's key; there are a switch that is off and an answered turn too."""
    for query, outcome in (("q_1", "answered"), ("q_2", "refused")):
        who = deployment.keys.pseudonym("halden", Person("anna"))
        deployment.memory.save_turn("halden", who, "c_1", query, Turn("question", "answer"), outcome)
        labels = {"outcome": outcome, "bot": "rag", "verdict": "allow"}
        finished = step("finished", query, who, conversation="c_1", labels=labels, body={"outcome": outcome})
        deployment.audit.append("halden", finished).wait()
    deployment.switches.turn_off("", "rag", "case 1", "terminal")
    deployment.switches.turn_off("halden", "api", "case 2", "terminal")
    deployment.switches.turn_on("halden", "api", "case 2 is closed", "terminal")
    return deployment.key_desk.create("halden", "caller", "portal", ("public",), "terminal")


def checked(deployment: Deployment) -> list[str]:
    """What `audit verify` has against the rows."""
    check = RowCheck(deployment.engine, deployment.reader, deployment.seals, "halden")
    report = check.added_to(Report(True, [], 0, {}))
    assert report.ok is not bool(report.problems)
    return [f"{one.what}: {one.detail}" for one in report.problems]


@pytest.mark.parametrize("forged", ["é" * 64, "", "\U0001f511", "0" * 64])
def test_whatever_stands_where_a_seal_should_the_row_opens_nothing_and_is_named(
    deployment: Deployment, database: Engine, secret: str, forged: str
) -> None:
    with database.begin() as db:
        db.execute(update(api_key).values(seal=forged))
    assert deployment.keys.find(secret) is None
    assert not [key for key in deployment.keys.list() if key.intact]
    assert [line for line in checked(deployment) if "its row was changed, or put in, past the program" in line]


def test_what_the_program_wrote_is_as_the_log_says(deployment: Deployment, secret: str) -> None:
    other = deployment.key_desk.create("harbour", "administrator", "desk", (), "terminal")
    assert deployment.keys.find(other) is not None
    deployment.key_desk.revoke("desk", "terminal")
    deployment.switches.turn_on("", "rag", "case 1 is closed", "terminal")
    assert checked(deployment) == []


@pytest.mark.parametrize(
    "change",
    [
        {"role": "administrator"},
        {"groups": ["public", "board"]},
        {"tenant": "harbour"},
        {"label": "another"},
        {"hash": hashlib.sha256(FORGED.encode()).hexdigest()},
        {"id": "0123456789abcdef"},
        {"created": datetime(2020, 1, 1, tzinfo=UTC)},
        {"seal": None},
        {"seal": "0" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_key_whose_row_was_changed_opens_nothing_and_is_named(
    deployment: Deployment, database: Engine, secret: str, change: dict[str, Any]
) -> None:
    with database.begin() as db:
        db.execute(update(api_key).values(**change))
    assert deployment.keys.find(secret) is None
    assert deployment.keys.find(FORGED) is None
    assert any("was changed, or put in, past the program" in one for one in checked(deployment))


@pytest.mark.parametrize("seal", [None, "", "f" * 64, "the seal of another row"])
def test_a_key_that_was_put_in_opens_nothing_and_is_named(
    deployment: Deployment, database: Engine, secret: str, seal: str | None
) -> None:
    row = {
        "id": "0123456789abcdef", "hash": hashlib.sha256(FORGED.encode()).hexdigest(), "tenant": "halden",
        "role": "administrator", "label": "mine", "groups": ["board"], "created": datetime.now(UTC), "revoked": None,
    }  # fmt: skip
    with database.begin() as db:
        other = db.scalar(select(api_key.c.seal))
        db.execute(insert(api_key).values(**row, seal=other if seal and " " in seal else seal))
    assert deployment.keys.find(FORGED) is None
    assert deployment.keys.by_id("0123456789abcdef") is None
    assert [one for one in checked(deployment) if "0123456789abcdef" in one]
    deployment.key_desk.revoke("0123456789abcdef", "terminal")
    assert deployment.keys.find(FORGED) is None


def test_a_row_that_was_put_back_as_it_was_and_one_that_is_gone_are_named(
    deployment: Deployment, database: Engine, secret: str
) -> None:
    with database.begin() as db:
        before = dict(db.execute(select(api_key)).mappings().one())
    deployment.key_desk.revoke("portal", "terminal")
    with database.begin() as db:
        db.execute(update(api_key).values(**before))
    assert checked(deployment) == [f"api_key: key {before['id']}: was revoked, and its row says that it is in use"]
    with database.begin() as db:
        db.execute(delete(api_key))
    assert checked(deployment) == [f"api_key: key {before['id']}: was made, and its row is gone"]


SWITCH = {"tenant": "", "bot": "rag", "off": True, "reason": "r", "actor": "terminal", "changed": datetime.now(UTC)}


@pytest.mark.parametrize(
    ("tamper", "off", "told"),
    [
        (update(kill_switch).where(kill_switch.c.off).values(off=False), True, "was changed, or put in, past the program"),
        (update(kill_switch).where(kill_switch.c.off).values(reason="x"), True, "was changed, or put in, past the program"),
        (update(kill_switch).where(kill_switch.c.off).values(seal=None), True, "was changed, or put in, past the program"),
        (insert(kill_switch).values(**{**SWITCH, "bot": "sums"}), True, "was changed, or put in, past the program"),
        (delete(kill_switch).where(kill_switch.c.off), False, "was switched off, and its row is gone"),
    ],
)
def test_a_switch_that_was_altered_stays_off_and_is_named(
    deployment: Deployment, database: Engine, secret: str, tamper: Any, off: bool, told: str
) -> None:
    with database.begin() as db:
        db.execute(tamper)
    assert ("rag" in {one.bot for one in deployment.switches.off()}) is off
    assert [one for one in checked(deployment) if told in one]
    for one in deployment.switches.off():
        if one.reason == ALTERED:
            deployment.switches.turn_on(one.tenant, one.bot, "looked at it", "terminal")
            assert one.bot not in {left.bot for left in deployment.switches.off()}


def test_a_switch_as_it_was_before_is_named(deployment: Deployment, database: Engine, secret: str) -> None:
    with database.begin() as db:
        before = dict(db.execute(select(kill_switch).where(kill_switch.c.off)).mappings().one())
    deployment.switches.turn_on("", "rag", "case 1 is closed", "terminal")
    with database.begin() as db:
        db.execute(update(kill_switch).where(kill_switch.c.bot == "rag").values(**before))
    assert [one for one in checked(deployment) if "its row says otherwise" in one]


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (delete(turn), ["q_1 is gone", "q_2 is gone"]),
        (delete(turn).where(turn.c.query == "q_2"), ["q_2 is gone"]),
        (
            update(turn).where(turn.c.query == "q_2").values(outcome="answered"),
            ["q_2 is of another"],
        ),
        (update(turn).where(turn.c.query == "q_1").values(query="q_3"), ["q_1 is gone"]),
    ],
)
def test_turns_that_are_gone_or_altered_are_named(
    deployment: Deployment, database: Engine, secret: str, tamper: Any, told: list[str]
) -> None:
    with database.begin() as db:
        db.execute(tamper)
    found = checked(deployment)
    assert len(found) == len(told)
    assert all(one in line for one, line in zip(told, found, strict=True))


def test_the_service_s_role_on_postgresql_may_seal_rows_and_take_reveals() -> None:
    tables = {table.name for metadata in collect_metadata() for table in metadata.tables.values()} - set(TABLES)
    assert tables == OTHER_TABLES.keys() - {"alembic_version"}
    assert all(f"{SEAL})" in OTHER_TABLES[table.name] for table in (api_key, kill_switch))
    assert "INSERT" in OTHER_TABLES["reveal_taken"]


# --- events ---------------------------------------------------------------------------------------


def test_who_made_and_ended_which_key_is_in_the_log_of_its_tenant(deployment: Deployment) -> None:
    deployment.key_desk.create("harbour", "auditor", "desk", ("b", "a"), "terminal")
    ended = deployment.key_desk.revoke("desk", "key:9")
    made, gone = deployment.reader.of_kinds("harbour", (KEY_CREATED, KEY_REVOKED))
    assert (made.actor, made.labels, made.body) == (
        "terminal", {"key": ended.id, "role": "auditor"}, {"label": "desk", "groups": ["a", "b"]},
    )  # fmt: skip
    assert (gone.kind, gone.actor, gone.labels) == ("key.revoked", "key:9", {"key": ended.id})
    assert deployment.reader.of_kinds("halden", (KEY_CREATED, KEY_REVOKED)) == []


def test_without_a_log_no_key_is_made_and_one_is_still_ended(
    deployment: Deployment, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise AuditUnavailable("the log cannot be written")

    monkeypatch.setattr(deployment.audit, "append", closed)
    with pytest.raises(AuditUnavailable):
        deployment.key_desk.create("halden", "caller", "another", (), "terminal")
    assert [key.label for key in deployment.keys.list()] == ["portal"]
    with pytest.raises(AuditUnavailable):
        deployment.key_desk.revoke("portal", "terminal")
    assert deployment.keys.find(secret) is None


@pytest.mark.parametrize(
    ("tenant", "label", "groups"),
    [
        ("", "x", ()), (" ", "x", ()), ("new\nline", "x", ()), ("a\x1fb", "x", ()), ('Ev"il', "x", ()), ("../../x", "x", ()),
        ("x" * 64, "x", ()), ("halden", "", ()), ("halden", " ", ()), ("halden", "x" * 121, ()), ("halden", "a\x1b[0m", ()),
        ("halden", "x", ("",)), ("halden", "x", ("a,b",)), ("halden", "x", ("*",)), ("halden", "x", (" public",)),
        ("halden", "x", ("a\nb",)), ("halden", "x", ("x" * 201,)), ("halden", "x", tuple(map(str, range(101)))),
    ],
)  # fmt: skip
def test_a_key_for_what_is_no_name_is_refused_and_nothing_is_recorded(
    deployment: Deployment, tenant: str, label: str, groups: tuple[str, ...]
) -> None:
    with pytest.raises(KeyRefused):
        deployment.key_desk.create(tenant, "caller", label, groups, "terminal")
    assert deployment.keys.list() == []
    assert deployment.reader.of_kinds("halden", (KEY_CREATED,)) == []


# --- rows from before there were seals --------------------------------------------------------------


def test_rows_of_an_older_version_are_sealed_once_and_the_log_says_which(deployment: Deployment, database: Engine) -> None:
    old = deployment.keys.create("harbour", "caller", "old", ("public",))
    with database.begin() as db:
        db.execute(insert(kill_switch).values(**SWITCH))
        db.execute(update(api_key).values(seal=None))
    deployment.close()
    with open_deployment(deployment.settings) as again:
        found = again.keys.find(old)
        assert found is not None
        assert [one.reason for one in again.switches.off()] == ["r"]
        (told,) = again.reader.of_kinds("harbour", (KEYS_ADOPTED,))
        assert told.body is not None
        assert [one["key"] for one in told.body["keys"]] == [found.id]
        assert [one for one in checked(again) if "api_key" in one] == []
        with database.begin() as db:
            db.execute(update(api_key).values(seal=None, role="administrator"))
    with open_deployment(deployment.settings) as later:
        assert later.keys.find(old) is None
        assert len(later.reader.of_kinds("harbour", (KEYS_ADOPTED,))) == 1


def test_a_row_without_a_seal_is_not_adopted_where_keys_were_made_with_one(
    deployment: Deployment, database: Engine, secret: str
) -> None:
    deployment.close()
    with database.begin() as db:
        db.execute(update(api_key).values(seal=None))
    with open_deployment(deployment.settings) as again:
        assert again.keys.find(secret) is None
        assert again.reader.of_kinds("halden", (KEYS_ADOPTED,)) == []
