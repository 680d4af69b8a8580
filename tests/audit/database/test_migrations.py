"""Migrations: from anywhere, by several processes at once, on both engines, and only ever forward."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, inspect, text

from audit.database.engine import create_engine_for
from audit.database.tables import metadata
from audit.database.triggers import TABLES
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
    monkeypatch.setattr("audit.database.triggers._REFUSED_HEAD_UPDATE", "this is no SQL (")
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
        assert not destructive.search(file.read_text()), file.name
