"""Databases are opened durable, or not at all."""

import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from audit.database.engine import create_engine_for, durability_problem, writing
from audit.errors import StoreRefused


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://root@localhost/x"])
def test_a_database_that_cannot_keep_a_log_is_refused_with_the_reason(url: str) -> None:
    with pytest.raises(StoreRefused, match="sqlite:///"):
        create_engine_for(url)


def test_a_new_sqlite_file_is_for_its_owner_alone_and_durable(tmp_path: Path) -> None:
    engine = create_engine_for(f"sqlite:///{tmp_path}/var/main.db")
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_authorizer(None)
        settings = {name: driver.execute(f"PRAGMA {name}").fetchone()[0] for name in (
            "journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint",
        )}  # fmt: skip
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "wal_autocheckpoint": 0}
    assert stat.S_IMODE((tmp_path / "var" / "main.db").stat().st_mode) == 0o600
    engine.dispose()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"fsync": "on", "full_page_writes": "on"}, None),
        ({"fsync": "off", "full_page_writes": "on"}, "fsync = off"),
        ({"fsync": "on", "full_page_writes": "off"}, "full_page_writes = off"),
    ],
)
def test_a_postgresql_that_may_lose_commits_is_refused(settings: dict[str, str], problem: str | None) -> None:
    found = durability_problem(settings)
    assert found is None if problem is None else problem in (found or "")


@pytest.mark.postgres
def test_asynchronous_commit_is_turned_on_for_the_connection(postgres_url: str) -> None:
    engine = create_engine_for(postgres_url.replace("options=", "options=-csynchronous_commit%3Doff+"))
    with engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"
    engine.dispose()


def test_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    engine = create_engine_for(f"sqlite:///{tmp_path}/main.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
    with writing(engine) as writer, engine.connect() as reader:
        writer.execute(text("INSERT INTO t VALUES (1)"))
        assert reader.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
    engine.dispose()


def test_transactions_that_read_and_then_write_do_not_overtake_each_other(tmp_path: Path) -> None:
    engine = create_engine_for(f"sqlite:///{tmp_path}/main.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES (0)"))

    def count() -> None:
        for _ in range(25):
            with writing(engine) as connection:
                n = connection.execute(text("SELECT n FROM t")).scalar_one()
                connection.execute(text("UPDATE t SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT n FROM t")).scalar_one() == 100
    engine.dispose()


def test_a_transaction_that_fails_is_rolled_back(tmp_path: Path) -> None:
    engine = create_engine_for(f"sqlite:///{tmp_path}/main.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
    with pytest.raises(OperationalError), engine.begin() as connection:  # noqa: PT012  one transaction
        connection.execute(text("INSERT INTO t VALUES (1)"))
        connection.execute(text("INSERT INTO nowhere VALUES (1)"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
    engine.dispose()
