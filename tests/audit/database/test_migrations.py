"""Migrations: from anywhere, by several processes at once, on both engines, and only ever forward."""

import re
import subprocess
import sys
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, inspect, text

from audit.database.engine import create_engine_for
from audit.database.tables import TABLES, metadata
from audit.database.triggers import postgres_functions, postgres_triggers, sqlite_triggers
from audit.verify.whole_log import verify_store
from migrations.run import alembic_config, upgrade

ROOT = Path(__file__).parents[3]


def test_the_migrated_database_has_the_tables_that_the_code_declares(url: str) -> None:
    upgrade(url)
    engine = create_engine_for(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": lambda _o, name, kind, *_: kind != "table" or name in TABLES}
        )
        assert compare_metadata(context, metadata) == []
    assert verify_store(engine).ok
    engine.dispose()


def test_migrating_again_changes_nothing(url: str) -> None:
    upgrade(url)
    engine = create_engine_for(url)
    before = MetaData()
    before.reflect(engine)
    upgrade(url)
    assert sorted(inspect(engine).get_table_names()) == sorted(before.tables)
    engine.dispose()


@pytest.mark.process
def test_four_processes_that_start_at_once_in_another_folder_all_succeed(url: str, tmp_path: Path) -> None:
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from migrations.run import upgrade; upgrade({url!r})"
    processes = [
        subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    engine = create_engine_for(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1
    assert verify_store(engine).ok
    engine.dispose()


def test_a_failing_migration_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Connection.exec_driver_sql

    def broken(self: Connection, statement: str, *rest: Any) -> Any:
        last = "TRIGGER audit_batch_" in statement  # of the first migration's statements, on both engines
        return run(self, "this is no SQL (" if last else statement, *rest)

    monkeypatch.setattr(Connection, "exec_driver_sql", broken)
    with pytest.raises(Exception, match=r"syntax|no SQL"):
        upgrade(url)
    monkeypatch.undo()
    engine = create_engine_for(url)
    assert not set(inspect(engine).get_table_names()) & set(TABLES)
    engine.dispose()
    upgrade(url)


def test_no_migration_but_the_first_alters_or_drops_anything_of_the_log() -> None:
    versions = Path(alembic_config().get_main_option("script_location") or "") / "versions"
    files = sorted(versions.glob("[0-9]*.py"))
    assert files[0].name == "0001_audit.py"
    destructive = re.compile(r"(?i)\b(drop_|alter_column|batch_alter_table|rename_|drop\b|truncate\b|delete\b)[^\n]*audit_")
    for file in files:
        lines = [line for line in file.read_text().splitlines() if '"BEFORE ' not in line]  # what triggers refuse
        assert not destructive.search("\n".join(lines)), file.name


FROZEN = {
    "0001_audit.py": "882deb567ae961613d57d7b0a2f4820197531149679fa410edd297fd65c4b73b",
    "0003_transparency.py": "f16c179641e0ee7d8b59d79f0fc06ae2c6d30f82aa9a5dc4320ef9278d335efe",
}


def test_the_triggers_of_released_migrations_never_change() -> None:
    found = {name: sha256("\n".join(_statements(name)).encode()).hexdigest() for name in FROZEN}
    assert found == FROZEN, "add a migration: installations have run this one already"


def test_the_migrations_together_make_the_triggers_that_the_verifier_expects() -> None:
    made = {name: text for file in FROZEN for name, text in _migration(file)._sqlite_triggers().items()}
    assert made == sqlite_triggers()
    functions = {name: text for file in FROZEN for name, text in _migration(file)._postgres_functions("s").items()}
    assert functions == postgres_functions("s")
    placed = {name: where for file in FROZEN for name, where in _migration(file)._postgres_triggers().items()}
    assert placed == postgres_triggers()


def _statements(file: str) -> list[str]:
    migration = _migration(file)
    return [*migration._sqlite_triggers().values(), *migration._postgres_statements("public")]


def _migration(file: str) -> ModuleType:
    spec = spec_from_file_location(file.removesuffix(".py"), ROOT / "migrations/versions" / file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
