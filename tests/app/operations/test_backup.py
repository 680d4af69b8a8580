"""Backups of a log that is being written, on both engines, and what a restoration must say, do and refuse."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from app.operations.backup.backup import Made, back_up, read_manifest
from app.operations.backup.restore import Restored, restore
from app.operations.errors import BackupError
from app.settings import Settings
from app.wiring.deployment import Deployment, open_deployment
from audit.database.engine import create_engine_for
from audit.database.tables import TABLES
from audit.errors import LogDamaged
from migrations.run import standing
from tests.audit.conftest import postgres_url, url
from tests.support.events import said

__all__ = ["postgres_url", "url"]
APPROVERS = ("a.meyer", "b.sato")
LOG = "halden"


def settings(home: Path, url: str) -> Settings:
    return Settings(home=home, database_url=url, audit_origin="bank.example", checkpoint_every_s=0.05)


@pytest.fixture
def site(tmp_path: Path, url: str) -> Settings:
    return settings(tmp_path / "one", url)


@pytest.fixture
def empty(tmp_path: Path, url: str) -> Iterator[Settings]:
    """A second installation of the same kind of database."""
    if url.startswith("sqlite"):
        yield settings(tmp_path / "two", f"sqlite:///{tmp_path}/two.db")
        return
    engine = create_engine_for(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA IF EXISTS restored CASCADE"))
        connection.execute(text("CREATE SCHEMA restored"))
    head, _, _ = url.partition("search_path")
    yield settings(tmp_path / "two", f"{head}search_path%3Drestored")
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA restored CASCADE"))
    engine.dispose()


@contextmanager
def opened(found: Settings) -> Iterator[Deployment]:
    deployment = open_deployment(found)
    try:
        yield deployment
    finally:
        deployment.close()


def ask(deployment: Deployment, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        deployment.audit.append(LOG, said(number, f"s_{number % 3}")).wait()


def saved(site: Settings, tmp_path: Path) -> Made:
    return back_up(site, tmp_path / "log", tmp_path / "keys")


def test_a_backup_under_load_restores_to_a_log_that_verifies_and_tells_what_it_lacks(
    site: Settings, empty: Settings, tmp_path: Path
) -> None:
    with opened(site) as deployment:
        ask(deployment, 20)
        stop = threading.Event()

        def load(number: int) -> None:
            while not stop.is_set():
                ask(deployment, 1, number)

        threads = [threading.Thread(target=load, args=(100 * one,)) for one in range(4)]
        for thread in threads:
            thread.start()
        made = saved(site, tmp_path)
        ask(deployment, 20, 1000)
        stop.set()
        for thread in threads:
            thread.join()
        written = int(deployment.checkpoints.issue(LOG).text.splitlines()[1])
    done = restore(empty, made.log, made.keys, [site.checkpoint_path], "case 17", APPROVERS)
    assert done.report.ok, done.report.problems
    assert done.epochs == {LOG: 2}
    assert 20 <= done.report.events < written
    with opened(empty) as deployment:  # it goes on, and what it says can be read
        ask(deployment, 5)
        assert deployment.checkpoints.issue(LOG).text.startswith("bank.example/audit/halden/e2\n")


def test_nothing_lost_needs_no_new_epoch(site: Settings, empty: Settings, tmp_path: Path) -> None:
    with opened(site) as deployment:
        ask(deployment, 7)
    made = saved(site, tmp_path)
    done = restore(empty, made.log, made.keys, [site.checkpoint_path], "", ())
    assert done == Restored({}, done.report)
    assert done.report.ok
    assert standing(empty.url) == "current"
    with opened(site) as old, opened(empty) as new:
        assert done.report.roots[LOG][0] == 7
        assert [row.query for row in old.reader.queries(LOG)] == [row.query for row in new.reader.queries(LOG)]


def test_a_restored_log_that_lacks_records_goes_on_by_two_people_s_word_alone(
    site: Settings, empty: Settings, tmp_path: Path
) -> None:
    with opened(site) as deployment:
        ask(deployment, 5)
        made = saved(site, tmp_path)
        ask(deployment, 5)
    with pytest.raises(BackupError, match="two people must agree"):
        restore(empty, made.log, made.keys, [site.checkpoint_path], "case 17", ("a.meyer",))
    with pytest.raises(LogDamaged, match="start a new epoch"):
        open_deployment(empty)


def test_the_guards_stand_after_a_restoration(site: Settings, empty: Settings, tmp_path: Path) -> None:
    with opened(site) as deployment:
        ask(deployment, 5)
    made = saved(site, tmp_path)
    restore(empty, made.log, made.keys, [], "", ())
    emptied = "DELETE FROM" if empty.url.startswith("sqlite") else "TRUNCATE"
    engine = create_engine_for(empty.url)
    try:
        for table in TABLES:
            with pytest.raises(Exception, match=r"append-only|not authorized|forward"), engine.begin() as connection:
                connection.execute(text(f"{emptied} {table}"))
    finally:
        engine.dispose()


def test_nothing_is_overwritten(site: Settings, tmp_path: Path) -> None:
    with opened(site) as deployment:
        ask(deployment, 5)
    made = saved(site, tmp_path)
    with pytest.raises(BackupError, match="has a log already"):
        restore(site, made.log, made.keys, [], "", ())


def test_the_log_s_copy_and_the_keys_copy_never_lie_in_each_other(site: Settings, tmp_path: Path) -> None:
    with opened(site):
        pass
    for to, keys_to in (("x", "x"), ("x", "x/keys"), ("x/log", "x")):
        with pytest.raises(BackupError, match="in each other"):
            back_up(site, tmp_path / to, tmp_path / keys_to)
    made = saved(site, tmp_path)
    assert not [path for path in made.log.rglob("*") if path.name in ("kek", "audit", "subjects", "countersign.toml")]
    for path in [*made.log.rglob("*"), *made.keys.rglob("*")]:
        assert path.is_dir() or path.stat().st_mode & 0o077 == 0 or path.name == "manifest.json", path


def test_an_erased_person_stays_erased(site: Settings, empty: Settings, tmp_path: Path) -> None:
    with opened(site) as deployment:
        ask(deployment, 6)
        early = back_up(site, tmp_path / "log", tmp_path / "early", now=lambda: 1.0)
        deployment.subjects.destroy("s_1")
        made = back_up(site, tmp_path / "log", tmp_path / "keys", now=lambda: 2.0)
    with pytest.raises(BackupError, match="could bring back keys"):
        restore(empty, made.log, early.keys, [], "", ())
    restore(empty, made.log, made.keys, [], "", ())
    with opened(empty) as deployment:
        assert not deployment.subjects.has_key("s_1")
        assert deployment.subjects.has_key("s_2")


def test_a_damaged_or_unfinished_backup_is_refused(site: Settings, empty: Settings, tmp_path: Path) -> None:
    with opened(site) as deployment:
        ask(deployment, 5)
    made = saved(site, tmp_path)
    victim = sorted((made.log / "log").iterdir())[0]
    content = victim.read_bytes()
    victim.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BackupError, match="not as it was backed up"):
        restore(empty, made.log, made.keys, [], "", ())
    victim.write_bytes(content)
    (made.log / "manifest.json").unlink()
    with pytest.raises(BackupError, match="no finished backup"):
        restore(empty, made.log, made.keys, [], "", ())


def test_another_origin_is_refused_with_the_way_out(site: Settings, empty: Settings, tmp_path: Path) -> None:
    with opened(site) as deployment:
        ask(deployment, 1)
    made = saved(site, tmp_path)
    other = empty.model_copy(update={"audit_origin": "other.example"})
    with pytest.raises(BackupError, match=r"ORIGIN=bank\.example"):
        restore(other, made.log, made.keys, [], "", ())


def test_a_backup_that_cannot_be_written_leaves_the_ones_before_alone(site: Settings, tmp_path: Path) -> None:
    with opened(site) as deployment:
        ask(deployment, 1)
    made = saved(site, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BackupError, match="cannot be written"):
        back_up(site, tmp_path / "file", tmp_path / "keys")
    assert read_manifest(made.log)["origin"] == "bank.example"
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["countersign-keys"]
