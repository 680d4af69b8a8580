"""Tiles: every proof that the stored nodes give is the RFC's, costs few rows, and needs nothing but appends."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, event, select, text

from audit.append.store import AuditStore
from audit.database import tables
from audit.database.engine import create_engine_for
from audit.database.tiles import LEAVES, Tiles, fill, integrate, prove_consistency, prove_inclusion
from audit.errors import LogDamaged
from audit.format.merkle import CompactRange, leaf_hash, node_hash
from audit.format.proofs import check_consistency, check_inclusion, consistency_proof, inclusion_proof
from audit.verify.whole_log import verify_store
from tests.audit.conftest import fill as append
from tests.audit.verify.test_whole_log import Vandal


def leaves_of(engine: Engine, log: str = "acme") -> list[bytes]:
    with engine.connect() as connection:
        query = select(tables.record.c.envelope).where(tables.record.c.log == log).order_by(tables.record.c.seq)
        return [leaf_hash(bytes(envelope)) for envelope in connection.scalars(query)]


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, by its definition."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


def root(leaves: list[bytes]) -> bytes:
    tree = CompactRange()
    tree.extend(leaves)
    return tree.root()


def test_every_event_is_proved_in_every_size_and_every_size_in_every_later_one(engine: Engine, store: AuditStore) -> None:
    append(store, 75)
    leaves = leaves_of(engine)
    roots = [root(leaves[:size]) for size in range(len(leaves) + 1)]
    assert roots[75] == naive_root(leaves)
    with engine.connect() as connection:
        for size in range(1, 76):
            for seq in range(size):
                proof = Tiles(connection, "acme").prove(lambda node, seq=seq, size=size: inclusion_proof(seq, size, node))
                check_inclusion(leaves[seq], seq, size, proof, roots[size])
            for old in range(0, size + 1, 3):
                proof = Tiles(connection, "acme").prove(lambda node, old=old, size=size: consistency_proof(old, size, node))
                check_consistency(old, size, roots[old], roots[size], proof)
    check_inclusion(leaves[40], 40, 75, prove_inclusion(engine, "acme", 40, 75), roots[75])
    check_consistency(33, 75, roots[33], roots[75], prove_consistency(engine, "acme", 33, 75))


def test_every_stored_node_is_the_root_of_its_leaves(engine: Engine, store: AuditStore) -> None:
    append(store, 70)
    leaves = leaves_of(engine)
    with engine.connect() as connection:
        for level in range(7):
            for index in range(70 >> level):
                span = leaves[index << level : (index + 1) << level]
                assert Tiles(connection, "acme").node(level, index) == naive_root(span)


def test_another_tenant_s_events_are_not_in_the_proof(engine: Engine, store: AuditStore) -> None:
    for number in range(20):
        append(store, 1, tenant="acme", start=number)
        append(store, 2, tenant="other", start=number)
    for log, count in (("acme", 20), ("other", 40)):
        leaves = leaves_of(engine, log)
        check_inclusion(leaves[17], 17, count, prove_inclusion(engine, log, 17, count), root(leaves))


def test_proofs_of_a_long_log_read_at_most_a_few_dozen_rows_in_two_statements(url: str, engine: Engine) -> None:
    """A log of 2^16 - 1 leaves, whose right edge is as ragged as it gets; only the columns that proofs read are real."""
    size = (1 << 16) - 1
    plant(url, size)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    tree = CompactRange()
    tree.extend(planted(seq) for seq in range(size))
    most = 0
    with engine.connect() as connection:
        for seq in [0, 1, 7, 8, 4095, 32767, 32768, 50000, 65527, 65528, size - 1]:
            statements.clear()
            tiles = Tiles(connection, "acme")
            proof = tiles.prove(lambda node, seq=seq: inclusion_proof(seq, size, node))
            check_inclusion(planted(seq), seq, size, proof, tree.root())
            most = max(most, tiles.rows)
            assert len(statements) <= 2
        for old in (1, 9, 32768, 50001, size - 9, size - 1):
            statements.clear()
            tiles = Tiles(connection, "acme")
            proof = tiles.prove(lambda node, old=old: consistency_proof(old, size, node))
            most = max(most, tiles.rows)
            assert len(statements) <= 2
            check_consistency(old, size, tiles.root(old), tree.root(), proof)
    assert most <= 40


def planted(seq: int) -> bytes:
    return leaf_hash(seq.to_bytes(4, "big"))


def plant(url: str, size: int) -> None:
    """Leaves without events, put in with the guards off, and the tiles that belong to them."""
    vandal = Vandal(url)
    with vandal.engine.begin() as connection:
        if vandal.postgres:
            connection.execute(text("ALTER TABLE audit_record DISABLE TRIGGER ALL"))
        else:
            connection.execute(text("DROP TRIGGER audit_record_insert"))
        row = dict.fromkeys(("kind", "actor", "subject"), "x") | {"log": "acme", "ts": 0, "envelope": b"", "chain": b""}
        rows = [row | {"seq": seq, "event_id": str(seq), "leaf": planted(seq)} for seq in range(size)]
        connection.execute(tables.record.insert(), rows)
        connection.execute(text("ANALYZE audit_record"))
        fill(connection, "acme", size)
    vandal.engine.dispose()


def test_tiles_are_a_small_part_of_the_log(engine: Engine, store: AuditStore) -> None:
    append(store, 300)
    with engine.connect() as connection:
        tiles = connection.execute(text("SELECT sum(length(hashes)), count(*) FROM audit_tile")).one()
        records = connection.scalar(text("SELECT sum(length(envelope)) FROM audit_record"))
    assert tiles[1] == 300 // LEAVES
    assert tiles[0] < 0.03 * records


def test_a_size_that_is_not_reached_and_a_log_that_is_not_there_are_refused(engine: Engine, store: AuditStore) -> None:
    append(store, 20)
    for seq, size in ((3, 21), (3, 24), (3, 4000), (25, 30)):
        with pytest.raises(ValueError, match="has 20 records"):
            prove_inclusion(engine, "acme", seq, size)
    with pytest.raises(ValueError, match="not in a tree"):
        prove_inclusion(engine, "acme", 20, 20)
    with pytest.raises(ValueError, match="not there yet"):
        prove_consistency(engine, "acme", 5, 21)
    with pytest.raises(ValueError, match="has 0 records"):
        prove_inclusion(engine, "nobody", 0, 2)


def test_a_missing_row_is_damage_and_named(url: str, engine: Engine, store: AuditStore) -> None:
    append(store, 40)
    store.close()
    vandal = Vandal(url)
    vandal("DELETE FROM audit_tile WHERE idx = 1")
    with pytest.raises(LogDamaged, match="tile 1 of log acme is missing"):
        prove_inclusion(engine, "acme", 3, 40)
    vandal("DELETE FROM audit_record WHERE seq = 2")
    with pytest.raises(LogDamaged, match="record 2 of log acme is missing"):
        prove_inclusion(engine, "acme", 3, 8)
    vandal.engine.dispose()


def without_tiles(url: str) -> None:
    vandal = Vandal(url)
    vandal("DELETE FROM audit_tile WHERE idx >= 3")
    vandal.engine.dispose()


def stored(engine: Engine) -> list[tuple[str, int, bytes]]:
    with engine.connect() as connection:
        return [(r.log, r.idx, bytes(r.hashes)) for r in connection.execute(select(tables.tile).order_by(tables.tile.c.idx))]


def test_tiles_can_be_made_again_from_the_leaves(url: str, engine: Engine, store: AuditStore) -> None:
    append(store, 90)
    store.close()
    before = stored(engine)
    without_tiles(url)
    assert (integrate(engine, "acme"), integrate(engine, "acme"), integrate(engine, "nobody")) == (8, 0, 0)
    assert stored(engine) == before
    assert verify_store(engine).ok


def test_a_log_from_before_there_were_tiles_gets_them_at_its_next_append(
    url: str, engine: Engine, opened: Callable[..., AuditStore]
) -> None:
    store = opened(engine)
    append(store, 50)
    store.close()
    without_tiles(url)
    append(opened(engine), 30, start=50)
    assert [idx for _, idx, _ in stored(engine)] == list(range(10))
    leaves = leaves_of(engine)
    check_inclusion(leaves[30], 30, 80, prove_inclusion(engine, "acme", 30, 80), root(leaves))
    assert verify_store(engine).ok


def test_several_that_make_tiles_at_once_make_each_once(url: str, engine: Engine, opened: Callable[..., AuditStore]) -> None:
    first = opened(engine)
    append(first, 50)
    first.close()
    without_tiles(url)
    stores = [opened(create_engine_for(url)) for _ in range(3)]
    made: list[int] = []
    threads = [threading.Thread(target=lambda: made.append(integrate(engine, "acme"))) for _ in range(3)]
    threads += [
        threading.Thread(target=append, args=(one, 40), kwargs={"start": 50 + n * 40}) for n, one in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 3
    assert sum(made) <= 3 + 15  # each was made by one of them
    assert [idx for _, idx, _ in stored(engine)] == list(range(170 // LEAVES))
    assert verify_store(engine).ok
    for one in stores:
        one.close()


def test_a_failed_batch_leaves_no_tile_behind(engine: Engine, store: AuditStore, monkeypatch: pytest.MonkeyPatch) -> None:
    append(store, 6)

    def broken(*_args: object) -> None:
        raise RuntimeError("after the tiles")

    monkeypatch.setattr("audit.append.driver_rows.Rows.heads", property(broken))
    with pytest.raises(Exception, match="audit log"):
        append(store, 4, start=6)
    assert stored(engine) == []
    monkeypatch.undo()
    append(store, 4, start=20)
    assert len(stored(engine)) == 1


def test_every_flipped_bit_of_a_tile_is_named(url: str, engine: Engine, store: AuditStore) -> None:
    append(store, 33)
    store.close()
    vandal = Vandal(url)
    for _, idx, hashes in stored(engine):
        for bit in range(0, len(hashes) * 8, 37):
            altered = bytearray(hashes)
            altered[bit // 8] ^= 1 << bit % 8
            vandal("UPDATE audit_tile SET hashes = :h WHERE idx = :i", h=bytes(altered), i=idx)
            report = verify_store(engine)
            assert [(p.log, p.seq, p.what) for p in report.problems] == [("acme", idx * LEAVES, "tile")]
            assert f"tile {idx} " in report.problems[0].detail
        vandal("UPDATE audit_tile SET hashes = :h WHERE idx = :i", h=hashes, i=idx)
    assert verify_store(engine).ok
    vandal.engine.dispose()


def test_a_tile_that_is_missing_moved_or_too_many_is_named(url: str, engine: Engine, store: AuditStore) -> None:
    append(store, 33)
    store.close()
    vandal = Vandal(url)
    vandal("UPDATE audit_tile SET idx = -1 WHERE idx = 1")
    assert [p.detail.split(" is")[0] for p in verify_store(engine).problems] == ["tile -1", "tile 1"]
    vandal("UPDATE audit_tile SET idx = 9 WHERE idx = -1")
    assert [p.detail.split(" is")[0] for p in verify_store(engine).problems] == ["tile 1", "tile 9"]
    vandal("DELETE FROM audit_tile WHERE idx >= 2")
    problems = verify_store(engine).problems
    assert [(p.seq, p.what) for p in problems] == [(8, "tile")]
    vandal("UPDATE audit_tile SET log = 'ghost'")
    assert {p.log for p in verify_store(engine).problems} == {"acme", "ghost"}
    vandal.engine.dispose()
