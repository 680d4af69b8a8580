"""The bypass matrix: what the database itself refuses, to a plain client, to the service, and to a superuser."""

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, DBAPIError

from audit.append.store import AuditStore
from audit.database.engine import create_engine_for
from audit.database.tables import TABLES
from audit.database.triggers import service_grants
from audit.verify.whole_log import verify_store
from tests.audit.conftest import fill

RECORD = "log, seq, event_id, kind, query, conversation, actor, subject, ts, bot, verdict, outcome, envelope, leaf, chain"


def copied(seq: str, event_id: str, log: str = "log") -> str:
    """SELECT list that copies a record under another number or event id."""
    return RECORD.replace("log, seq, event_id", f"{log}, {seq}, {event_id}")


NEW = "'new'"
CHANGES = {
    "update a record": "UPDATE audit_record SET verdict = 'block' WHERE seq = 3",
    "update a record with its own value": "UPDATE audit_record SET verdict = verdict",
    "delete a record": "DELETE FROM audit_record WHERE seq = 3",
    "delete the tail": "DELETE FROM audit_record WHERE seq > 5",
    "update a payload": "UPDATE audit_payload SET sealed = leaf FROM audit_record r WHERE r.seq = audit_payload.seq",
    "delete a payload": "DELETE FROM audit_payload WHERE seq = 3",
    "update a batch": "UPDATE audit_batch SET first = first + 1",
    "delete a batch": "DELETE FROM audit_batch WHERE first = 0",
    "delete the head": "DELETE FROM audit_log_head",
    "rewind the head": "UPDATE audit_log_head SET size = 5",
    "move the head ahead": "UPDATE audit_log_head SET size = size + 1",
    "rename the log": "UPDATE audit_log_head SET log = 'other', size = size + 1",
    "rewrite the head's root": "UPDATE audit_log_head SET root = chain",
    "a second head": "INSERT INTO audit_log_head SELECT * FROM audit_log_head",
    "a head out of nothing": "INSERT INTO audit_log_head SELECT 'other', size, chain, root, peaks FROM audit_log_head",
    "a record with a used number": f"INSERT INTO audit_record SELECT {copied('seq', NEW)} FROM audit_record WHERE seq = 3",
    "a record with a used event id": f"INSERT INTO audit_record SELECT {copied('seq + 9', 'event_id')}"
    " FROM audit_record WHERE seq = 3",
    "a record out of order": f"INSERT INTO audit_record SELECT {copied('seq + 100', NEW)} FROM audit_record WHERE seq = 3",
    "a record before the first": f"INSERT INTO audit_record SELECT {copied('-1', NEW)} FROM audit_record WHERE seq = 3",
    "a second payload": "INSERT INTO audit_payload SELECT * FROM audit_payload WHERE seq = 3",
    "a payload without a record": "INSERT INTO audit_payload SELECT log, seq + 100, sealed FROM audit_payload WHERE seq = 3",
    "a batch out of order": "INSERT INTO audit_batch SELECT log, size + 100, first + 100, root FROM audit_batch",
}
UPSERTS = {
    "upsert a record": "INSERT INTO audit_record SELECT * FROM audit_record WHERE seq = 3"
    " ON CONFLICT (log, seq) DO UPDATE SET verdict = 'block'",
    "upsert a payload": "INSERT INTO audit_payload SELECT * FROM audit_payload WHERE seq = 3"
    " ON CONFLICT (log, seq) DO UPDATE SET sealed = excluded.sealed",
    "upsert the head": "INSERT INTO audit_log_head SELECT log, 0, chain, root, peaks FROM audit_log_head WHERE true"
    " ON CONFLICT (log) DO UPDATE SET size = 0",
}
SQLITE_ONLY = {
    "replace a record": f"INSERT OR REPLACE INTO audit_record SELECT {copied('seq', 'event_id')}"
    " FROM audit_record WHERE seq = 3",
    "replace by event id": f"INSERT OR REPLACE INTO audit_record SELECT {copied('9', 'event_id')}"
    " FROM audit_record WHERE seq = 3",
    "replace a payload": "REPLACE INTO audit_payload SELECT log, seq, x'00' FROM audit_payload WHERE seq = 3",
    "replace a batch": "REPLACE INTO audit_batch SELECT log, size, first, x'00' FROM audit_batch WHERE first = 0",
    "replace the last batch": "REPLACE INTO audit_batch SELECT log, size, first, x'00' FROM audit_batch"
    " ORDER BY size DESC LIMIT 1",
    "replace the head": "REPLACE INTO audit_log_head SELECT log, 0, chain, root, x'' FROM audit_log_head",
    "update or replace": "UPDATE OR REPLACE audit_record SET seq = 4 WHERE seq = 3",
}
SQLITE_SERVICE_ONLY = {
    "drop a trigger": "DROP TRIGGER audit_record_update",
    "drop a table": "DROP TABLE audit_record",
    "drop an index": "DROP INDEX audit_record_query",
    "rename a table": "ALTER TABLE audit_record RENAME TO forgotten",
    "drop a column": "ALTER TABLE audit_record DROP COLUMN bot",
    "edit the schema": "PRAGMA writable_schema = ON",
    "turn durability off": "PRAGMA synchronous = OFF",
    "leave the WAL": "PRAGMA journal_mode = DELETE",
    "attach another file": "ATTACH DATABASE ':memory:' AS other",
}
POSTGRES_ONLY = {
    **{f"truncate {table}": f"TRUNCATE {table}" for table in TABLES},
    "replication role, then update": "SET session_replication_role = replica ;; UPDATE audit_record SET verdict = 'block'",
    "replication role, then delete": "SET session_replication_role = replica ;; DELETE FROM audit_record",
    "replication role, then truncate": "SET session_replication_role = replica ;; TRUNCATE audit_record",
    "a temporary table in front": "CREATE TEMP TABLE audit_record AS SELECT * FROM audit_record ;; INSERT INTO"
    " {schema}.audit_record SELECT " + copied("seq + 100", "'new'") + " FROM audit_record WHERE seq = 3",
    "merge": "MERGE INTO audit_record a USING audit_record b ON a.seq = b.seq AND a.seq = 3"
    " WHEN MATCHED THEN UPDATE SET verdict = 'block'",
}
POSTGRES_SERVICE_ONLY = {
    "disable the triggers": "ALTER TABLE audit_record DISABLE TRIGGER ALL",
    "drop a trigger": "DROP TRIGGER audit_record_change ON audit_record",
    "drop a table": "DROP TABLE audit_record",
    "replace the guard": "CREATE OR REPLACE FUNCTION {schema}.audit_refuse() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NEW; END'",
    "replication role": "SET session_replication_role = replica",
    "rename the log for good": "UPDATE audit_log_head SET log = 'other'",
}


def named(*tables: dict[str, str]) -> pytest.MarkDecorator:
    attacks = {name: statement for table in tables for name, statement in table.items()}
    return pytest.mark.parametrize("attack", [pytest.param(attacks[name], id=name) for name in attacks])


@pytest.fixture
def sqlite_engine(sqlite_file: Path, opened: Callable[..., AuditStore]) -> Iterator[Engine]:
    engine = create_engine_for(f"sqlite:///{sqlite_file}")
    store = opened(engine)
    fill(store, 9)
    store.close()
    yield engine
    engine.dispose()


@named(CHANGES, UPSERTS, SQLITE_ONLY)
def test_sqlite_refuses_a_plain_client(sqlite_engine: Engine, sqlite_file: Path, attack: str) -> None:
    client = sqlite3.connect(sqlite_file, isolation_level=None)
    before = list(client.iterdump())
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only|moves only forward"):
        client.execute(attack)
    assert list(client.iterdump()) == before
    client.close()
    assert verify_store(sqlite_engine).ok


@named(CHANGES, UPSERTS, SQLITE_ONLY, SQLITE_SERVICE_ONLY)
def test_sqlite_refuses_the_service(sqlite_engine: Engine, attack: str) -> None:
    with pytest.raises(DatabaseError), sqlite_engine.begin() as connection:
        connection.execute(text(attack))
    assert verify_store(sqlite_engine).ok


@pytest.fixture
def filled_postgres(postgres_url: str, opened: Callable[..., AuditStore]) -> Iterator[Engine]:
    from migrations.run import upgrade

    upgrade(postgres_url)
    engine = create_engine_for(postgres_url)
    store = opened(engine)
    fill(store, 9)
    store.close()
    yield engine
    engine.dispose()


REFUSALS = (psycopg.IntegrityError, psycopg.errors.InsufficientPrivilege)


def client(url: str) -> psycopg.Connection[Any]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


def schema_of(url: str) -> str:
    return str(make_url(url).query["options"]).removeprefix("-csearch_path=")


@pytest.mark.postgres
@named(CHANGES, UPSERTS, POSTGRES_ONLY)
def test_postgresql_refuses_a_superuser_s_statements(filled_postgres: Engine, postgres_url: str, attack: str) -> None:
    with client(postgres_url) as superuser, pytest.raises(REFUSALS):  # noqa: PT012  an attack has several steps
        for statement in attack.format(schema=schema_of(postgres_url)).split(" ;; "):
            superuser.execute(statement)
    assert verify_store(filled_postgres).ok


@pytest.fixture
def service_url(filled_postgres: Engine, postgres_url: str) -> Iterator[str]:
    """The same database as the service's own role, which may append and read."""
    role = f"audit_service_{uuid.uuid4().hex[:8]}"
    with client(postgres_url) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN")
        for grant in service_grants(role, schema_of(postgres_url)):
            owner.execute(grant)
        yield make_url(postgres_url).set(username=role).render_as_string(hide_password=False)
        owner.execute(f"DROP OWNED BY {role}")
        owner.execute(f"DROP ROLE {role}")


@pytest.mark.postgres
@named(CHANGES, UPSERTS, POSTGRES_ONLY, POSTGRES_SERVICE_ONLY)
def test_postgresql_refuses_the_service_s_role(
    filled_postgres: Engine, postgres_url: str, service_url: str, attack: str
) -> None:
    with client(service_url) as service, pytest.raises(REFUSALS):  # noqa: PT012  an attack has several steps
        for statement in attack.format(schema=schema_of(postgres_url)).split(" ;; "):
            service.execute(statement)
    assert verify_store(filled_postgres).ok


@pytest.mark.postgres
def test_the_service_s_role_can_append_and_verify(service_url: str, opened: Callable[..., AuditStore]) -> None:
    engine = create_engine_for(service_url)
    store = opened(engine)
    fill(store, 6, start=9)
    fill(store, 6, tenant="a tenant it has never seen")
    store.close()
    report = verify_store(engine)
    assert (report.ok, report.events) == (True, 21)
    engine.dispose()


def test_a_head_cannot_be_moved_to_another_chain_of_the_right_size(engine: Engine, store: AuditStore) -> None:
    fill(store, 5)
    added = f"INSERT INTO audit_record SELECT {copied('5', NEW)} FROM audit_record WHERE seq = 4"
    with engine.connect() as connection:
        connection.execute(text(added))
        with pytest.raises(DBAPIError, match="moves only forward"):
            connection.execute(text("UPDATE audit_log_head SET size = 6, chain = root"))


def dropped_sqlite(path: Path) -> None:
    client = sqlite3.connect(path)
    client.execute("DROP TRIGGER audit_record_update")
    client.execute(
        "CREATE TRIGGER extra AFTER INSERT ON audit_record BEGIN INSERT INTO audit_payload VALUES ('a', 1, x''); END"
    )
    client.execute("DROP TRIGGER audit_batch_delete")
    client.execute("CREATE TRIGGER audit_batch_delete BEFORE DELETE ON audit_batch BEGIN SELECT 1; END")
    client.close()


def test_guards_that_are_missing_changed_or_foreign_are_reported_on_sqlite(sqlite_engine: Engine, sqlite_file: Path) -> None:
    dropped_sqlite(sqlite_file)
    report = verify_store(sqlite_engine)
    assert [problem.what for problem in report.problems] == ["guard"] * 3
    details = " ".join(problem.detail for problem in report.problems)
    assert "audit_record_update is missing" in details
    assert "audit_batch_delete was changed" in details
    assert "extra is not one of" in details


@pytest.mark.postgres
@pytest.mark.parametrize(
    "tampering",
    [
        "ALTER TABLE audit_record DISABLE TRIGGER audit_record_change",
        "ALTER TABLE audit_record ENABLE TRIGGER audit_record_change",
        "DROP TRIGGER audit_record_change ON audit_record",
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    ],
)
def test_guards_that_were_tampered_with_are_reported_on_postgresql(
    filled_postgres: Engine, postgres_url: str, tampering: str
) -> None:
    with client(postgres_url) as superuser:
        superuser.execute(tampering)
    assert {problem.what for problem in verify_store(filled_postgres).problems} == {"guard"}
