"""Destroying a subject's key: nobody reads the content again, in any process or file, and every proof stays valid."""

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from audit.append.store import AuditStore
from audit.errors import KeyDestroyed, KeyRefused, SealBroken
from audit.read.reader import AuditReader
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.whole_log import verify_store
from tests.audit.conftest import KEK, entry


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def keys_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A key store on each engine, apart from the log."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/subjects.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store_of_keys(keys_url: str) -> Iterator[SubjectKeys]:
    keys = SubjectKeys(keys_url, KEK)
    yield keys
    keys.close()


def test_a_destroyed_key_opens_nothing_and_other_subjects_stay_readable(store_of_keys: SubjectKeys) -> None:
    mine, theirs = store_of_keys.seal("mine", b"account 4711"), store_of_keys.seal("theirs", b"account 4712")
    done = store_of_keys.destroy("mine")
    assert len(done.keys) == 1
    with pytest.raises(KeyDestroyed, match="mine"):
        store_of_keys.open("mine", mine)
    assert store_of_keys.open("theirs", theirs) == b"account 4712"


def test_destroying_twice_or_what_never_was_is_harmless(store_of_keys: SubjectKeys) -> None:
    store_of_keys.seal("mine", b"text")
    assert len(store_of_keys.destroy("mine").keys) == 1
    assert store_of_keys.destroy("mine").keys == ()
    assert store_of_keys.destroy("never seen").keys == ()


def test_a_subject_who_comes_back_gets_a_new_key_and_the_old_content_stays_unreadable(store_of_keys: SubjectKeys) -> None:
    first = store_of_keys.seal("mine", b"before")
    store_of_keys.destroy("mine")
    second = store_of_keys.seal("mine", b"after")
    assert store_of_keys.open("mine", second) == b"after"
    with pytest.raises(KeyDestroyed):
        store_of_keys.open("mine", first)
    store_of_keys.destroy("mine")
    with pytest.raises(KeyDestroyed):
        store_of_keys.open("mine", second)


def test_a_body_that_names_a_key_the_subject_never_had_was_altered(store_of_keys: SubjectKeys) -> None:
    mine = store_of_keys.seal("mine", b"text")
    store_of_keys.destroy("mine")
    with pytest.raises(SealBroken):
        store_of_keys.open("mine", mine[:1] + bytes(8) + mine[9:])


@pytest.mark.parametrize("subject", ["", "firm:acme", "firm:", "staff:key:1", "staff:terminal", "staff:"])
def test_the_key_of_a_firm_or_of_who_works_with_its_log_cannot_be_destroyed(
    store_of_keys: SubjectKeys, subject: str
) -> None:
    with pytest.raises(KeyRefused, match="firm itself"):
        store_of_keys.destroy(subject)


OTHER_PROCESS = """
import sys, time
from audit.errors import KeyDestroyed
from audit.sealing.subject_keys import SubjectKeys

keys = SubjectKeys(sys.argv[1], bytes(range(32)))
sealed = keys.seal("mine", b"account 4711")
print(keys.open("mine", sealed).decode(), flush=True)
sys.stdin.readline()
time.sleep(float(sys.argv[2]))
try:
    keys.open("mine", sealed)
    print("still readable")
except KeyDestroyed:
    print("destroyed")
fresh = keys.seal("mine", b"new")
print(keys.open("mine", fresh).decode(), fresh[1:9] != sealed[1:9], flush=True)
"""


@pytest.mark.process
def test_a_process_that_has_the_key_open_notices_its_destruction(keys_url: str, store_of_keys: SubjectKeys) -> None:
    """Within a second on PostgreSQL, sooner on SQLite."""
    patience = "0.1" if keys_url.startswith("sqlite") else "1"
    command = [sys.executable, "-c", textwrap.dedent(OTHER_PROCESS), keys_url, patience]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "account 4711\n"
        store_of_keys.destroy("mine")
        said, _ = other.communicate("go on\n", timeout=60)
    assert said.splitlines() == ["destroyed", "new True"]


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("subjects.db*"))


def test_the_key_s_bytes_are_in_no_file_any_more_while_the_store_is_still_open(tmp_path: Path) -> None:
    keys = SubjectKeys(f"sqlite:///{tmp_path}/subjects.db", KEK)
    other = SubjectKeys(f"sqlite:///{tmp_path}/subjects.db", KEK)  # a second process's connections
    for number in range(50):
        keys.seal(f"subject {number}", b"text")
    other.seal("subject 7", b"text")
    with keys._engine.connect() as connection:
        wrapped = connection.scalar(text("SELECT wrapped FROM sealing_key WHERE subject = 'subject 7'"))
    assert on_disk(tmp_path).count(wrapped) >= 1
    assert keys.destroy("subject 7").scrubbed
    assert wrapped not in on_disk(tmp_path)
    keys.close()
    other.close()


def test_a_reader_in_the_way_of_scrubbing_is_told_and_not_waited_for_for_ever(tmp_path: Path) -> None:
    keys = SubjectKeys(f"sqlite:///{tmp_path}/subjects.db", KEK)
    keys.seal("mine", b"text")
    keys._asked("busy_timeout = 50")
    reader = SubjectKeys(f"sqlite:///{tmp_path}/subjects.db", KEK)
    with reader._engine.connect() as connection:
        connection.execute(text("SELECT * FROM sealing_key")).all()  # holds its snapshot
        done = keys.destroy("mine")
    assert (len(done.keys), done.scrubbed) == (1, False)
    assert keys.destroy("mine").scrubbed
    keys.close()
    reader.close()


def test_after_an_erasure_the_log_verifies_with_the_same_root(engine: Engine, store: AuditStore, keys: SubjectKeys) -> None:
    for number in range(6):
        store.append("acme", entry(number, query="q1", subject="mine" if number % 2 else "theirs")).wait()
    reader = AuditReader(engine, keys)
    before = verify_store(engine)
    keys.destroy("mine")
    after = verify_store(engine)
    assert before.ok
    assert (after.ok, after.root) == (True, before.root)
    assert [(one.state, one.intact) for one in reader.query("acme", "q1")] == [("open", True), ("erased", True)] * 3


def test_events_recorded_after_the_erasure_can_be_read(
    engine: Engine, opened: Callable[..., AuditStore], keys: SubjectKeys
) -> None:
    store = opened(engine)
    store.append("acme", entry(0, query="q1", subject="mine")).wait()
    keys.destroy("mine")
    store.append("acme", entry(1, query="q1", subject="mine")).wait()
    assert [one.state for one in AuditReader(engine, keys).query("acme", "q1")] == ["erased", "open"]
