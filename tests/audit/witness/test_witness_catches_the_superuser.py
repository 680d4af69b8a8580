"""A superuser who changes a real log with all its hashes: the log's own verification is content, the witness is not."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from audit.append.store import AuditStore
from audit.database.tiles import integrate
from audit.format.merkle import CompactRange, chain_hash, leaf_hash, node_hash
from audit.format.notes import Checkpoint, Note, SecretKey
from audit.format.proofs import consistency_proof
from audit.verify.whole_log import verify_store
from audit.witness.rules import Offer, Refused, WitnessTrust
from audit.witness.state import Witness
from tests.audit.conftest import fill
from tests.audit.verify.test_whole_log import Vandal

LOG = SecretKey("bank.example", bytes(range(32)))
ORIGIN = "bank.example/audit/acme/e1"


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    witness = Witness(tmp_path / "witness", WitnessTrust((LOG.key,)), name="witness.example/w1")
    yield witness
    witness.close()


def leaves_of(engine: Engine) -> list[bytes]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT leaf FROM audit_record WHERE log = 'acme' ORDER BY seq"))
        return [bytes(row[0]) for row in rows]


def offered(engine: Engine, old: int) -> bytes:
    """The log as it stands in the database, signed with its true key and proved as well as it can be."""
    leaves = leaves_of(engine)
    tree = CompactRange()
    tree.extend(leaves)

    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    note = Checkpoint(ORIGIN, tree.size, tree.root()).text()
    proof = consistency_proof(old, tree.size, node) if old < tree.size else []
    return Offer.make(min(old, tree.size), proof, Note(note, (LOG.sign(note),))).dump()


def made_to_fit(connection: Connection) -> list[tuple[str, dict[str, Any]]]:
    """Every hash of the log of `acme`, computed anew from the envelopes: what a patient forger writes."""
    rows = connection.execute(text("SELECT seq, envelope FROM audit_record WHERE log = 'acme' ORDER BY seq")).all()
    batches = set(connection.execute(text("SELECT size FROM audit_batch WHERE log = 'acme'")).scalars())
    tree, chain, steps = CompactRange(), bytes(32), list[tuple[str, dict[str, Any]]]()
    for seq, envelope in rows:
        leaf = leaf_hash(bytes(envelope))
        chain = chain_hash(chain, leaf)
        tree.append(leaf)
        change = "UPDATE audit_record SET leaf = :l, chain = :c WHERE log = 'acme' AND seq = :s"
        steps.append((change, {"l": leaf, "c": chain, "s": seq}))
        if tree.size in batches:
            change = "UPDATE audit_batch SET root = :r WHERE log = 'acme' AND size = :n"
            steps.append((change, {"r": tree.root(), "n": tree.size}))
    change = "UPDATE audit_log_head SET size = :n, chain = :c, root = :r, peaks = :p WHERE log = 'acme'"
    steps.append((change, {"n": tree.size, "c": chain, "r": tree.root(), "p": tree.dump()}))
    return steps


def forge(engine: Engine, vandal: Vandal, *statements: str) -> None:
    vandal(*statements)
    with vandal.engine.connect() as connection:
        steps = made_to_fit(connection)
    for statement, values in steps:
        vandal(statement, **values)
    vandal("DELETE FROM audit_tile WHERE log = 'acme'")
    integrate(engine, "acme")


@pytest.fixture
def vandal(url: str, engine: Engine) -> Iterator[Vandal]:
    vandal = Vandal(url)
    yield vandal
    vandal.engine.dispose()


def test_a_verdict_changed_with_every_hash_made_to_fit_is_seen_by_the_witness_alone(
    engine: Engine, store: AuditStore, opened: Callable[..., AuditStore], vandal: Vandal, witness: Witness
) -> None:
    fill(store, 20)
    store.close()
    assert not isinstance(witness.add_checkpoint(offered(engine, 0)), Refused)
    with vandal.engine.connect() as connection:
        query = "SELECT envelope FROM audit_record WHERE log = 'acme' AND seq = 7"
        envelope = bytes(connection.execute(text(query)).scalar_one())
    forged = envelope.replace(b'"verdict":"allow"', b'"verdict":"block"')
    assert forged != envelope
    vandal("UPDATE audit_record SET envelope = :e, verdict = 'block' WHERE log = 'acme' AND seq = 7", e=forged)
    forge(engine, vandal)
    assert verify_store(engine).ok
    refused = witness.add_checkpoint(offered(engine, 20))
    assert isinstance(refused, Refused)
    assert "forked" in refused.reason
    fill(opened(engine), 5, start=20)  # the service goes on, on top of the forged history
    assert verify_store(engine).ok
    refused = witness.add_checkpoint(offered(engine, 20))
    assert isinstance(refused, Refused)
    assert "rewritten" in refused.reason
    assert len(witness.evidence()) == 2


def test_a_tail_cut_with_its_batches_and_its_head_is_seen_by_the_witness_alone(
    engine: Engine, store: AuditStore, vandal: Vandal, witness: Witness
) -> None:
    fill(store, 20)
    store.close()
    assert not isinstance(witness.add_checkpoint(offered(engine, 0)), Refused)
    forge(
        engine,
        vandal,
        "DELETE FROM audit_record WHERE log = 'acme' AND seq >= 15",
        "DELETE FROM audit_payload WHERE log = 'acme' AND seq >= 15",
        "DELETE FROM audit_batch WHERE log = 'acme' AND size > 15",
    )
    assert verify_store(engine).ok
    refused = witness.add_checkpoint(offered(engine, 15))
    assert isinstance(refused, Refused)
    assert refused.size == 20
