"""Subjects' keys: sealed bodies open for the right subject, event and key-encryption key, and for nothing else."""

import base64
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import KeyMissing, KeyRefused, SealBroken
from audit.sealing.kek import load_kek
from audit.sealing.subject_keys import SubjectKeys
from tests.audit.conftest import KEK


def test_what_is_sealed_opens_again_also_after_a_restart(tmp_path: Path, keys: SubjectKeys) -> None:
    sealed = keys.seal("subject:1", b"account 4711", b"event-1")
    again = SubjectKeys(f"sqlite:///{tmp_path}/keys.db", KEK)
    assert again.open("subject:1", sealed, b"event-1") == b"account 4711"
    again.close()


def test_a_sealed_body_opens_only_for_its_own_subject_and_event(keys: SubjectKeys) -> None:
    sealed = keys.seal("subject:1", b"account 4711", b"event-1")
    keys.seal("subject:2", b"")
    for subject, context in [("subject:2", b"event-1"), ("subject:1", b"event-2"), ("subject:1", b"")]:
        with pytest.raises(SealBroken):
            keys.open(subject, sealed, context)


def test_a_subject_without_a_key_is_told_apart_from_a_broken_seal(keys: SubjectKeys) -> None:
    with pytest.raises(KeyMissing, match="subject:9"):
        keys.open("subject:9", keys.seal("subject:1", b"text"))


def test_while_one_thread_asks_the_store_others_go_on_with_the_keys_they_have_but_not_for_long(
    keys: SubjectKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.seal("subject:1", b"")
    asking, answer, ask = threading.Event(), threading.Event(), keys._asked

    def slowly(pragma: str) -> tuple[int, ...]:
        asking.set()
        assert answer.wait(30)
        return ask(pragma)

    def sealing() -> threading.Thread:
        thread = threading.Thread(target=keys.seal, args=("subject:1", b"text"))
        thread.start()
        return thread

    monkeypatch.setattr(keys, "_asked", slowly)
    monkeypatch.setattr(keys, "_look_every", 0.0)
    monkeypatch.setattr("audit.sealing.subject_keys.NEVER_OLDER_S", 3600.0)
    first = sealing()
    assert asking.wait(30)
    second = sealing()
    second.join(30)
    assert not second.is_alive()
    monkeypatch.setattr("audit.sealing.subject_keys.NEVER_OLDER_S", 0.0)
    third = sealing()
    third.join(0.2)
    assert third.is_alive()  # what it knows is too old
    answer.set()
    for thread in (first, third):
        thread.join(30)
        assert not thread.is_alive()


@given(position=st.integers(0, 40), bit=st.integers(0, 7))
def test_one_flipped_bit_breaks_the_seal(tmp_path_factory: pytest.TempPathFactory, position: int, bit: int) -> None:
    keys = SubjectKeys(f"sqlite:///{tmp_path_factory.mktemp('keys')}/keys.db", KEK)
    sealed = bytearray(keys.seal("subject:1", b"account 4711"))
    sealed[position] ^= 1 << bit
    with pytest.raises(SealBroken):
        keys.open("subject:1", bytes(sealed))
    keys.close()


def test_another_key_encryption_key_is_refused_at_once(tmp_path: Path, keys: SubjectKeys) -> None:
    with pytest.raises(KeyRefused, match="made with"):
        SubjectKeys(f"sqlite:///{tmp_path}/keys.db", bytes(32))


def test_no_key_and_no_text_is_in_the_clear_in_the_key_file(tmp_path: Path, keys: SubjectKeys) -> None:
    keys.seal("subject:1", b"account 4711")
    on_disk = b"".join(path.read_bytes() for path in tmp_path.glob("keys.db*"))
    assert b"subject:1" in on_disk
    assert b"account" not in on_disk
    assert KEK not in on_disk


def test_two_stores_that_meet_a_new_subject_at_once_agree_on_its_key(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/keys.db"
    stores = [SubjectKeys(url, KEK) for _ in range(4)]
    barrier = threading.Barrier(4)
    sealed: list[bytes] = []

    def seal(store: SubjectKeys) -> None:
        barrier.wait()
        sealed.append(store.seal("subject:1", b"text"))

    threads = [threading.Thread(target=seal, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.open("subject:1", one) for store in stores for one in sealed] == [b"text"] * 16
    for store in stores:
        store.close()


def test_a_missing_key_file_is_made_for_the_owner_alone_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "var" / "kek"
    made = load_kek(path, environ={})
    assert len(made) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_kek(path, environ={}) == made
    assert [one.name for one in path.parent.iterdir()] == ["kek"]


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    environ = {"COUNTERSIGN_KEK": base64.b64encode(KEK).decode()}
    assert load_kek(tmp_path / "kek", environ=environ) == KEK
    assert not (tmp_path / "kek").exists()


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_kek(tmp_path / "kek", environ={})
    (tmp_path / "kek").chmod(0o640)
    with pytest.raises(KeyRefused, match="chmod 600"):
        load_kek(tmp_path / "kek", environ={})


@pytest.mark.parametrize("text", ["", "short", "!!!!", base64.b64encode(bytes(31)).decode()])
def test_a_malformed_key_is_refused_with_the_way_to_make_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kek"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(KeyRefused, match="openssl rand"):
        load_kek(path, environ={})
