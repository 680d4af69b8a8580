"""The rest of the bypass matrix: what test_guards.py does not try, as a plain client, as the service and as a superuser.

Each attack is refused by the database itself, or, where the owner cannot be stopped, is named by the verifier.
"""

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError

from app.cli.audit.roles import OTHER_TABLES
from app.cli.main import cli
from audit.append.driver_rows import COPIED_FROM
from audit.append.store import AuditStore
from audit.database.engine import create_engine_for, writing
from audit.database.roles import problems, reader_statements, service_statements
from audit.verify.whole_log import verify_store
from migrations.run import upgrade
from tests.audit.conftest import entry, fill
from tests.audit.database.test_triggers import (
    NEW,
    REFUSALS,
    client,
    copied,
    filled_postgres,  # noqa: F401  a fixture
    named,
    schema_of,
    sqlite_engine,  # noqa: F401  a fixture
)

# --- SQLite -------------------------------------------------------------------------------------

SQLITE = {
    "replace with recursive triggers off": "PRAGMA recursive_triggers = OFF ;; "
    f"INSERT OR REPLACE INTO audit_record SELECT {copied('seq', 'event_id')} FROM audit_record WHERE seq = 3",
    "replace all through a CTE": "WITH old AS (SELECT * FROM audit_record WHERE seq = 3)"
    f" REPLACE INTO audit_record SELECT {copied('seq', NEW)} FROM old",
    "update from a join": "UPDATE audit_record SET verdict = p.sealed FROM audit_payload p WHERE p.seq = audit_record.seq",
    "insert or ignore on top, then update": f"INSERT OR IGNORE INTO audit_record SELECT {copied('seq', NEW)}"
    " FROM audit_record WHERE seq = 3",
    "update by rowid": "UPDATE audit_record SET rowid = rowid + 100",
    "delete returning": "DELETE FROM audit_record RETURNING seq",
    "an early batch root": "INSERT INTO audit_batch VALUES ('acme', 3, 0, x'00')",
}
SQLITE_SERVICE = {
    "forget the triggers": "PRAGMA writable_schema = ON ;; DELETE FROM sqlite_master WHERE type = 'trigger'",
    "edit the schema": "UPDATE sqlite_master SET sql = '' WHERE name = 'audit_record_update'",
    "legacy alter": "PRAGMA legacy_alter_table = ON",
    "ignore checks": "PRAGMA ignore_check_constraints = ON",
    "journal off": "PRAGMA journal_mode = OFF",
    "rename the table away": "ALTER TABLE audit_record RENAME TO old",
    "drop the index": "DROP INDEX audit_record_kind",
    "drop a column": "ALTER TABLE audit_record DROP COLUMN bot",
}


@named(SQLITE)
def test_sqlite_refuses_a_plain_client_these_too(sqlite_engine: Engine, sqlite_file: Path, attack: str) -> None:  # noqa: F811
    plain = sqlite3.connect(sqlite_file, isolation_level=None)
    before = list(plain.iterdump())
    with pytest.raises((sqlite3.IntegrityError, sqlite3.OperationalError)):  # noqa: PT012  an attack has several steps
        for statement in attack.split(" ;; "):
            plain.execute(statement)
    assert list(plain.iterdump()) == before
    plain.close()
    assert verify_store(sqlite_engine).ok


@named(SQLITE, SQLITE_SERVICE)
def test_sqlite_refuses_the_service_these_too(sqlite_engine: Engine, attack: str) -> None:  # noqa: F811
    with pytest.raises(DatabaseError), sqlite_engine.begin() as connection:  # noqa: PT012
        for statement in attack.split(" ;; "):
            connection.execute(text(statement))
    assert verify_store(sqlite_engine).ok


@pytest.mark.parametrize(
    "attack",
    [
        "DROP TRIGGER audit_record_update ;; UPDATE audit_record SET verdict = 'block' WHERE seq = 3",
        "PRAGMA writable_schema = ON ;; DELETE FROM sqlite_master WHERE name = 'audit_record_delete'",
        "DROP TABLE audit_batch",
    ],
)
def test_who_owns_the_sqlite_file_is_not_stopped_but_named(sqlite_engine: Engine, sqlite_file: Path, attack: str) -> None:  # noqa: F811
    owner = sqlite3.connect(sqlite_file, isolation_level=None)
    for statement in attack.split(" ;; "):
        owner.execute(statement)
    owner.close()
    assert not verify_store(sqlite_engine).ok


# --- PostgreSQL ---------------------------------------------------------------------------------

SERVICE = {
    "copy over": "COPY audit_record FROM PROGRAM 'cat'",
    "a rule instead of the insert": "CREATE RULE away AS ON INSERT TO audit_record DO INSTEAD NOTHING",
    "a trigger of its own": "CREATE TRIGGER own BEFORE INSERT ON audit_record EXECUTE FUNCTION {schema}.audit_refuse()",
    "a child table": "CREATE TEMP TABLE child () INHERITS (audit_record)",
    "a partition": "ALTER TABLE audit_record ATTACH PARTITION audit_batch DEFAULT",
    "row security": "ALTER TABLE audit_record ENABLE ROW LEVEL SECURITY",
    "take the ownership": "ALTER TABLE audit_record OWNER TO CURRENT_USER",
    "become the owner": "SET ROLE postgres",
    "grant itself": "GRANT UPDATE ON audit_record TO CURRENT_USER ;; UPDATE audit_record SET verdict = verdict",
    "edit the catalogue": "DELETE FROM pg_trigger WHERE tgname LIKE 'audit%'",
    "read a server's file": "SELECT pg_read_file('/etc/passwd')",
    "switch durability off for all": "ALTER SYSTEM SET fsync = off",
    "a function in the log's schema": "CREATE FUNCTION {schema}.own() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "a table in the log's schema": "CREATE TABLE {schema}.audit_record_new (n int)",
    "revoke a colleague's key for good": "DELETE FROM api_key",
    "change a turn of memory": "UPDATE conversation_turn SET outcome = 'answered'",
    "give a conversation away": "UPDATE conversation SET subject = 'other'",
    "undo a migration": "DELETE FROM alembic_version",
}
REFUSED_SERVICE = (*REFUSALS, psycopg.errors.InsufficientPrivilege, psycopg.errors.WrongObjectType)


@pytest.fixture
def roles(filled_postgres: Engine, postgres_url: str) -> Iterator[dict[str, str]]:  # noqa: F811
    """The same database as the roles `service` and `reader`, whose grants the command's statements made."""
    suffix, schema = uuid.uuid4().hex[:8], schema_of(postgres_url)
    names = {"service": f"audit_service_{suffix}", "reader": f"audit_reader_{suffix}"}
    with client(postgres_url) as owner:
        for name in names.values():
            owner.execute(f"CREATE ROLE {name} LOGIN")
        for statement in service_statements(names["service"], schema, OTHER_TABLES):
            owner.execute(statement)
        for statement in reader_statements(names["reader"], schema):
            owner.execute(statement)
        yield {
            which: make_url(postgres_url).set(username=name).render_as_string(hide_password=False)
            for which, name in names.items()
        }
        for name in names.values():
            owner.execute(f"DROP OWNED BY {name}")
            owner.execute(f"DROP ROLE {name}")


@pytest.mark.postgres
@named(SERVICE)
def test_postgresql_refuses_the_service_s_role_these_too(
    filled_postgres: Engine,  # noqa: F811
    postgres_url: str,
    roles: dict[str, str],
    attack: str,
) -> None:
    with client(roles["service"]) as service, pytest.raises(REFUSED_SERVICE):  # noqa: PT012  an attack has several steps
        for statement in attack.format(schema=schema_of(postgres_url)).split(" ;; "):
            service.execute(statement)
    assert verify_store(filled_postgres).ok


@pytest.mark.postgres
@pytest.mark.parametrize("table", ["audit_record", "audit_payload", "audit_batch", "audit_log_head"])
@pytest.mark.parametrize("who", ["service", "superuser"])
def test_copy_is_refused_like_an_insert(
    filled_postgres: Engine,  # noqa: F811
    postgres_url: str,
    roles: dict[str, str],
    who: str,
    table: str,
) -> None:
    with client({**roles, "superuser": postgres_url}[who]) as copier:
        with copier.cursor().copy(f"COPY {table} TO STDOUT") as out:
            rows = b"".join(bytes(part) for part in out)
        with pytest.raises(psycopg.IntegrityError), copier.cursor().copy(f"COPY {table} FROM STDIN") as back:
            back.write(rows)
    assert verify_store(filled_postgres).ok


@pytest.mark.postgres
def test_the_service_starts_appends_reads_and_converses_with_its_role_alone(
    roles: dict[str, str], opened: Callable[..., AuditStore]
) -> None:
    upgrade(roles["service"])  # finds nothing to do, and needs no right to create anything
    engine = create_engine_for(roles["service"])
    store = opened(engine)
    fill(store, 6, start=9)
    with writing(engine) as blocker:
        blocker.execute(text("SELECT * FROM audit_log_head FOR UPDATE"))
        tickets = [store.append("acme", entry(n)) for n in range(4 * COPIED_FROM)]
    assert tickets[-1].wait().seq - tickets[0].wait().seq == 4 * COPIED_FROM - 1  # most of them went by COPY
    store.close()
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO conversation (id, tenant, subject, created) VALUES ('c', 'acme', 's', now())"))
        connection.execute(text("SELECT * FROM conversation WHERE id = 'c' FOR UPDATE"))
        connection.execute(text("UPDATE conversation SET pseudonyms = '\\x00' WHERE id = 'c'"))
        connection.execute(text("UPDATE api_key SET revoked = now() WHERE id = 'x'"))
    assert verify_store(engine).ok
    assert problems(engine) == []
    engine.dispose()


@pytest.mark.postgres
def test_the_reader_s_role_verifies_and_writes_nothing(roles: dict[str, str]) -> None:
    engine = create_engine_for(roles["reader"])
    assert verify_store(engine).ok
    for statement in (
        f"INSERT INTO audit_record SELECT {copied('seq + 1', NEW)} FROM audit_record WHERE seq = 8",
        "SELECT * FROM audit_log_head FOR UPDATE",
        "SELECT * FROM api_key",
        "SELECT * FROM conversation",
    ):
        with pytest.raises(DatabaseError, match="permission denied"), engine.begin() as connection:
            connection.execute(text(statement))
    engine.dispose()


@pytest.mark.postgres
def test_a_service_that_logs_in_as_owner_or_superuser_is_told(
    filled_postgres: Engine,  # noqa: F811
    postgres_url: str,
    roles: dict[str, str],
) -> None:
    assert "superuser" in problems(filled_postgres)[0]
    role = make_url(roles["service"]).username
    engine = create_engine_for(roles["service"])
    with client(postgres_url) as owner:
        owner.execute(f"GRANT DELETE ON audit_record TO {role}")
        owner.execute(f"ALTER TABLE audit_batch OWNER TO {role}")
    told = problems(engine)
    assert any("may DELETE on audit_record" in one for one in told)
    assert any("owns audit_batch" in one for one in told)
    engine.dispose()
    with client(postgres_url) as owner:
        owner.execute("ALTER TABLE audit_batch OWNER TO CURRENT_USER")


@pytest.mark.postgres
def test_the_command_prints_the_grants_and_applies_them_as_the_owner(
    postgres_url: str, roles: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    role, schema = str(make_url(roles["service"]).username), schema_of(postgres_url)
    run = CliRunner().invoke
    printed = run(cli, ["audit", "roles", "--service-role", role, "--schema", schema])
    assert printed.exception is not None  # the configured database is SQLite here
    arguments = ["audit", "roles", "--url", postgres_url, "--schema", schema]
    printed = run(cli, [*arguments, "--service-role", role], standalone_mode=False)
    assert f'GRANT SELECT, INSERT ON "{schema}".audit_record TO "{role}";' in printed.stdout
    with client(postgres_url) as owner:
        owner.execute(f"GRANT DELETE ON audit_record TO {role}")
    assert run(cli, [*arguments, "--service-role", role, "--apply"], standalone_mode=False).exception is None
    engine = create_engine_for(roles["service"])
    assert problems(engine) == []  # what it had too much is gone
    engine.dispose()
    assert run(cli, ["audit", "roles", "--url", roles["service"]], standalone_mode=False).return_value is None
    assert run(cli, ["audit", "roles", "--url", postgres_url], standalone_mode=False).return_value == 1


OWNER = {
    "disable and delete": "ALTER TABLE audit_record DISABLE TRIGGER ALL ;; DELETE FROM audit_record WHERE seq = 3",
    "disable, change, enable": "ALTER TABLE audit_record DISABLE TRIGGER audit_record_change ;;"
    " UPDATE audit_record SET verdict = 'block' WHERE seq = 3 ;;"
    " ALTER TABLE audit_record ENABLE ALWAYS TRIGGER audit_record_change",
    "drop a table": "DROP TABLE audit_batch",
    "a rule instead of the insert": "CREATE RULE away AS ON INSERT TO audit_payload DO INSTEAD NOTHING ;;"
    " ALTER TABLE audit_payload DISABLE TRIGGER ALL ;; DELETE FROM audit_payload WHERE seq = 8",
}


@pytest.mark.postgres
@named(OWNER)
def test_who_owns_the_postgresql_tables_is_not_stopped_but_named(
    filled_postgres: Engine,  # noqa: F811
    postgres_url: str,
    attack: str,
) -> None:
    with client(postgres_url) as owner:
        for statement in attack.split(" ;; "):
            owner.execute(statement)
    assert not verify_store(filled_postgres).ok
