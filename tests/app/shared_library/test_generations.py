"""Machines that share a library in PostgreSQL: each has the whole of one generation, whoever dies, whatever lies there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update

from app.shared_library.following import Following
from app.shared_library.generations import PostgresGenerations
from app.shared_library.tables import library_generation, library_piece
from audit.database.engine import create_engine_for
from migrations.run import upgrade
from retrieval.library import Library
from retrieval.types import LibraryBusy, LibraryDamaged
from tests.retrieval.conftest import HashingEmbedder
from tests.support.waiting import eventually

pytestmark = pytest.mark.postgres
PUBLIC = frozenset({"public"})
Machine = Callable[[str], Library]


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    upgrade(postgres_url)
    made = create_engine_for(postgres_url)
    yield made
    made.dispose()


@pytest.fixture
def machine(engine: Engine, tmp_path: Path) -> Machine:
    """The library as a machine has it; each name a machine with a disk of its own."""
    return lambda name: Library.open(tmp_path / name, HashingEmbedder(), shared=PostgresGenerations(engine, "halden"))


@pytest.fixture
def share(tmp_path: Path) -> Path:
    folder = tmp_path / "share"
    folder.mkdir()
    (folder / "fees.md").write_text("The annual fee is one percent.")
    return folder


def keys(library: Library) -> list[str]:
    return [one.key for one in library.documents(PUBLIC)]


def test_what_one_machine_reads_in_is_found_on_another(machine: Machine, share: Path) -> None:
    one, two = machine("one"), machine("two")
    one.ingest([share])
    assert (keys(two), two.follow(), keys(two), two.follow()) == ([], True, ["fees.md"], False)
    assert two.digest == one.digest
    assert [found.text for found in two.search("annual fee", 1, PUBLIC)] == ["The annual fee is one percent."]


def test_a_machine_that_changes_the_library_begins_from_the_newest_generation(machine: Machine, share: Path) -> None:
    one, two = machine("one"), machine("two")
    one.ingest([share])
    (share / "plan.md").write_text("The plan.")
    report = two.ingest([share])
    assert (report.unchanged, report.added) == (("fees.md",), ("plan.md",))
    assert (one.follow(), keys(one)) == (True, ["fees.md", "plan.md"])


def test_a_library_from_before_it_was_shared_is_published_at_the_next_change(
    machine: Machine, share: Path, tmp_path: Path
) -> None:
    Library.open(tmp_path / "one", HashingEmbedder()).ingest([share])
    machine("one").ingest([share])
    assert keys(machine("two")) == ["fees.md"]


def test_what_is_removed_is_on_no_machine_that_followed_and_nowhere_in_the_database(
    machine: Machine, share: Path, tmp_path: Path, engine: Engine
) -> None:
    one, two = machine("one"), machine("two")
    (share / "plan.md").write_text("The secret plan is to merge.")
    one.ingest([share])
    two.follow()
    one.remove(["plan.md"])
    two.follow()
    with engine.connect() as connection:
        stored = b"".join(connection.scalars(select(library_piece.c.content)))
    on_disk = b"".join(
        path.read_bytes() for name in ("one", "two") for path in (tmp_path / name).rglob("*") if path.is_file()
    )
    assert b"secret plan" not in stored + on_disk
    assert b"annual fee" in stored
    assert keys(two) == ["fees.md"]


def test_pieces_that_no_generation_needs_are_dropped(machine: Machine, share: Path, engine: Engine) -> None:
    one = machine("one")
    for number in range(5):
        (share / "fees.md").write_text(f"The annual fee is {number} percent.")
        one.ingest([share])
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(library_generation)) <= 2
        named = {
            piece
            for files in connection.scalars(select(library_generation.c.files))
            for file in files
            for piece in file["pieces"]
        }
        assert set(connection.scalars(select(library_piece.c.digest))) == named


def test_a_piece_that_is_not_what_its_digest_says_is_not_taken_over(
    machine: Machine, share: Path, engine: Engine, tmp_path: Path
) -> None:
    one, two = machine("one"), machine("two")
    one.ingest([share])
    two.follow()
    (share / "plan.md").write_text("The plan.")
    one.ingest([share])
    with engine.begin() as connection:
        connection.execute(update(library_piece).values(content=b"altered"))
    with pytest.raises(LibraryDamaged, match="is missing or is not what its digest says"):
        two.follow()
    assert keys(two) == ["fees.md"]
    assert not [path for path in (tmp_path / "two").rglob("*") if path.is_file() and b"altered" in path.read_bytes()]


@pytest.mark.parametrize(
    ("column", "value"), [("name", "../../outside"), ("files", [{"name": "../x", "digest": "", "pieces": []}])]
)
def test_nothing_in_the_database_becomes_a_path(
    machine: Machine, share: Path, engine: Engine, tmp_path: Path, column: str, value: object
) -> None:
    machine("one").ingest([share])
    with engine.begin() as connection:
        connection.execute(update(library_generation).values({column: value}))
    with pytest.raises(LibraryDamaged):
        machine("two")
    assert not list(tmp_path.rglob("outside")) + list(tmp_path.rglob("x"))


def test_a_writer_that_was_overtaken_publishes_nothing(
    engine: Engine, machine: Machine, share: Path, tmp_path: Path
) -> None:
    machine("one").ingest([share])
    shared = PostgresGenerations(engine, "halden")
    before = shared.newest()
    folder = tmp_path / "other"
    folder.mkdir()
    with pytest.raises(LibraryBusy, match="changed by another machine meanwhile"):
        shared.publish("00000000000000000001-aaaaaaaaaaaa", folder, after="something older", forget=True)
    assert shared.newest() == before


def test_tenants_do_not_see_each_other(engine: Engine, machine: Machine, share: Path, tmp_path: Path) -> None:
    machine("one").ingest([share])
    other = Library.open(tmp_path / "other", HashingEmbedder(), shared=PostgresGenerations(engine, "other"))
    assert other.everything() == []
    (share / "plan.md").write_text("The plan of the other.")
    other.ingest([share])
    other.remove(["fees.md"])
    assert keys(machine("two")) == ["fees.md"]


WRITER = """
import os, signal, sys
from pathlib import Path
from app.shared_library.generations import PostgresGenerations
from audit.database.engine import create_engine_for
from retrieval.index.generations import Store
from retrieval.library import Library
from tests.retrieval.conftest import HashingEmbedder

url, root, share, where = sys.argv[1:]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def stand_still(*_, **__):
    print("there", flush=True)
    signal.pause()

if where == "before it is published":
    PostgresGenerations.publish = die
elif where == "while it is published":
    from app.shared_library import generations
    generations._drop_unused = die
elif where == "before it is in force here":
    Store._swap = die
else:
    PostgresGenerations.publish = stand_still
shared = PostgresGenerations(create_engine_for(url), "halden")
Library.open(Path(root), HashingEmbedder(), shared=shared).ingest([Path(share)])
"""


def writer(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.process
@pytest.mark.parametrize(
    ("where", "published"),
    [("before it is published", False), ("while it is published", False), ("before it is in force here", True)],
)
def test_a_writer_that_is_killed_leaves_the_old_generation_or_the_new_one_and_the_next_goes_on(
    machine: Machine,
    share: Path,
    postgres_url: str,
    tmp_path: Path,
    where: str,
    published: bool,
) -> None:
    replica = machine("replica")
    machine("one").ingest([share])
    replica.follow()
    (share / "plan.md").write_text("The plan.")
    assert writer(postgres_url, tmp_path / "one", share, where).wait(120) == -signal.SIGKILL
    assert replica.follow() == published
    assert keys(replica) == (["fees.md", "plan.md"] if published else ["fees.md"])
    one = machine("one")
    report = one.ingest([share], lock_timeout=10)
    assert keys(one) == ["fees.md", "plan.md"]
    assert report.added == (() if published else ("plan.md",))
    replica.follow()
    assert (keys(replica), replica.digest) == (["fees.md", "plan.md"], one.digest)


@pytest.mark.process
def test_one_machine_writes_at_a_time_and_the_lock_of_a_killed_one_is_free(
    machine: Machine,
    share: Path,
    postgres_url: str,
    tmp_path: Path,
) -> None:
    holder = writer(postgres_url, tmp_path / "one", share, "stand still")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "there\n"
    two = machine("two")
    with pytest.raises(LibraryBusy, match="on another machine"):
        two.ingest([share], lock_timeout=0)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    two.ingest([share], lock_timeout=30)
    assert keys(two) == ["fees.md"]


def test_a_service_follows_by_itself_and_goes_on_after_a_failure(machine: Machine, share: Path) -> None:
    one, two = machine("one"), machine("two")
    failures = iter([LibraryDamaged("a piece is missing")])

    def follow() -> bool:
        for failure in failures:
            raise failure
        return two.follow()

    following = Following(follow, lambda: two.generation, 0.01)
    try:
        one.ingest([share])
        eventually(lambda: keys(two) == ["fees.md"])
    finally:
        following.close()
