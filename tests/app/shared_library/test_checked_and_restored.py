"""What doctor, backup and restore say of a library in PostgreSQL, and that no host answers from another one unsaid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete, text
from structlog.testing import capture_logs

from app.cli.main import cli
from app.operations.backup.backup import Made, back_up
from app.operations.backup.restore import restore
from app.operations.checks.library import library as look
from app.operations.checks.result import Check
from app.settings import Settings
from app.shared_library.following import tell_followed
from app.shared_library.generations import PostgresGenerations
from app.shared_library.tables import library_generation, library_piece
from app.source_settings import DocumentSettings
from app.wiring.deployment import open_deployment
from audit.database.engine import create_engine_for
from migrations.run import upgrade
from retrieval.library import Library
from tests.audit.conftest import postgres_url
from tests.retrieval.conftest import HashingEmbedder

__all__ = ["postgres_url"]
pytestmark = pytest.mark.postgres
PUBLIC = frozenset({"public"})


@pytest.fixture
def url(postgres_url: str) -> str:
    upgrade(postgres_url)
    return postgres_url


@pytest.fixture
def empty_url(url: str) -> Iterator[str]:
    """A second, empty database."""
    engine = create_engine_for(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA IF EXISTS second_library CASCADE"))
        connection.execute(text("CREATE SCHEMA second_library"))
    yield f"{url.partition('search_path')[0]}search_path%3Dsecond_library"
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA second_library CASCADE"))
    engine.dispose()


def settings(home: Path, url: str, store: str = "postgresql") -> Settings:
    documents = DocumentSettings.model_validate({"store": store})
    return Settings(home=home, database_url=url, audit_origin="bank.example", documents=documents)


@contextmanager
def library(found: Settings) -> Iterator[Library]:
    engine = create_engine_for(found.url)
    try:
        shared = PostgresGenerations(engine, found.tenant)
        yield Library.open(found.library_dir, HashingEmbedder(), shared=shared)
    finally:
        engine.dispose()


def ingest(found: Settings, share: Path, name: str) -> str:
    """Reads a document in; the generation's name."""
    share.mkdir(exist_ok=True)
    (share / name).write_text(f"The annual fee of {name} is one percent.")
    with library(found) as opened:
        opened.ingest([share])
        return opened.generation


def only(found: Settings) -> Check:
    (check,) = look(found)
    return check


def keys(found: Settings) -> list[str]:
    with library(found) as opened:
        return [one.key for one in opened.documents(PUBLIC)]


def saved(found: Settings, tmp_path: Path) -> Made:
    open_deployment(found).close()
    return back_up(found, tmp_path / "log", tmp_path / "keys")


def test_doctor_tells_which_generation_the_database_has_and_which_one_this_host(url: str, tmp_path: Path) -> None:
    one, two = settings(tmp_path / "one", url), settings(tmp_path / "two", url)
    assert (only(one).state, only(one).told) == ("ok", "in the database, which holds none yet: nothing was ingested")
    name = ingest(one, tmp_path / "share", "fees.md")
    assert only(one).state == "ok"
    assert f"the database and this host have {name} of 20" in only(one).told
    assert only(one).told.endswith(": 1 documents")
    assert (only(two).state, only(two).told.endswith(", this host none")) == ("warn", True)
    assert "library.not_followed" in only(two).fix
    keys(two)
    assert only(two).state == "ok"


def test_doctor_tells_of_a_folder_its_documents(tmp_path: Path) -> None:
    found = settings(tmp_path, "", "folder")
    assert only(found).told.endswith("nothing was ingested yet")
    (tmp_path / "fees.md").write_text("The annual fee is one percent.")
    Library.open(found.library_dir, HashingEmbedder()).ingest([tmp_path / "fees.md"])
    assert (only(found).state, only(found).told.endswith("1 documents")) == ("ok", True)


def test_doctor_tells_of_a_database_that_does_not_answer_and_of_one_that_is_none(tmp_path: Path) -> None:
    away = only(settings(tmp_path, "postgresql+psycopg://nobody@127.0.0.1:1/nothing"))
    assert (away.state, "cannot be read" in away.told, "this host goes on with no library" in away.fix) == (
        "fail",
        True,
        True,
    )
    assert (
        only(settings(tmp_path, f"sqlite:///{tmp_path}/a.db")).told
        == "documents.store is postgresql, but database_url is not"
    )


def test_doctor_tells_of_pieces_that_are_lost_and_of_a_library_that_is(url: str, tmp_path: Path) -> None:
    one = settings(tmp_path / "one", url)
    name = ingest(one, tmp_path / "share", "fees.md")
    engine = create_engine_for(url)
    with engine.begin() as connection:
        connection.execute(delete(library_piece))
    assert only(one).state == "fail"
    assert "of its pieces" in only(one).told
    with engine.begin() as connection:
        connection.execute(delete(library_generation))
    engine.dispose()
    assert (only(one).state, name in only(one).told) == ("warn", True)
    assert "answers from its own copy" in only(one).told


def test_a_restored_library_is_the_database_s_and_another_host_goes_back_to_it_and_says_so(
    url: str, empty_url: str, tmp_path: Path
) -> None:
    one, two = settings(tmp_path / "one", url), settings(tmp_path / "two", empty_url)
    backed_up = ingest(one, tmp_path / "share", "fees.md")
    made = saved(one, tmp_path)
    assert not list((made.log / "library").rglob("CURRENT")), "the folder is a copy of what the database holds"
    later = ingest(one, tmp_path / "share", "plan.md")
    done = restore(two, made.log, made.keys, [], "", ())
    assert (done.library, only(two).state, keys(two)) == (backed_up, "ok", ["fees.md"])
    other = settings(tmp_path / "one", empty_url)  # a host that lived on with its disk
    assert (only(other).state, later in only(other).told) == ("warn", True)
    assert "which is older than this host's" in only(other).told
    with library(other) as opened, capture_logs() as logs:
        tell_followed(later, opened.generation)
        assert [one.key for one in opened.documents(PUBLIC)] == ["fees.md"]
    assert logs == [{"event": "library.went_back", "log_level": "warning", "generation": backed_up, "before": later}]


def test_a_library_of_a_folder_is_published_by_the_restoration_where_several_hosts_share_one(
    url: str, empty_url: str, tmp_path: Path
) -> None:
    one, two = settings(tmp_path / "one", url, "folder"), settings(tmp_path / "two", empty_url)
    (tmp_path / "fees.md").write_text("The annual fee is one percent.")
    Library.open(one.library_dir, HashingEmbedder()).ingest([tmp_path / "fees.md"])
    made = saved(one, tmp_path)
    restore(two, made.log, made.keys, [], "", ())
    assert only(two).state == "ok"
    assert keys(settings(tmp_path / "three", empty_url)) == ["fees.md"]


def test_a_library_of_the_database_comes_back_into_a_folder_too(url: str, empty_url: str, tmp_path: Path) -> None:
    one, two = settings(tmp_path / "one", url), settings(tmp_path / "two", empty_url, "folder")
    name = ingest(one, tmp_path / "share", "fees.md")
    made = saved(one, tmp_path)
    assert restore(two, made.log, made.keys, [], "", ()).library == name
    assert [one.key for one in Library.open(two.library_dir, HashingEmbedder()).documents(PUBLIC)] == ["fees.md"]


@pytest.mark.parametrize("holds", [True, False])
def test_the_command_says_what_must_be_done_about_the_library(
    url: str, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holds: bool
) -> None:
    one = settings(tmp_path / "one", url)
    if holds:
        ingest(one, tmp_path / "share", "fees.md")
    made = saved(one, tmp_path)
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path / "two"))
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", empty_url)
    monkeypatch.setenv("COUNTERSIGN_AUDIT_ORIGIN", "bank.example")
    monkeypatch.setenv("COUNTERSIGN_DOCUMENTS", '{"store": "postgresql"}')
    done: Result = CliRunner().invoke(cli, ["restore", "--from", str(made.log), "--keys-from", str(made.keys)])
    told = " ".join(done.output.split())
    assert done.exit_code == 0, told
    if holds:
        assert "remove again what was removed after it" in told
        assert "other hosts take it over when their service starts, or within 5 s" in told
    else:
        assert "the backup holds no library: ingest the documents again" in told
        assert "stop them until then" in told


def test_a_generation_sorts_after_the_one_before_whatever_the_host_s_clock_says(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ingest(settings(tmp_path / "one", url), tmp_path / "share", "fees.md")
    monkeypatch.setattr("retrieval.index.generations.time.time_ns", lambda: 1_000_000_000)
    assert ingest(settings(tmp_path / "two", url), tmp_path / "share", "plan.md") > first
