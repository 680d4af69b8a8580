"""The witness: forks, cuts and rewrites get no cosignature, whatever is sent, and nothing it vouched for is forgotten."""

import base64
import http.client
import json
import random
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

import pytest

from audit.errors import KeyRefused, NoteRefused, WitnessAhead, WitnessFailed, WitnessRefused, WitnessStopped
from audit.format.merkle import CompactRange, leaf_hash, node_hash
from audit.format.notes import COSIGNATURE, Checkpoint, Note, SecretKey, Signature, VerifierKey, verified
from audit.format.proofs import check_consistency, consistency_proof
from audit.witness.client import Prove, WitnessClient, Witnesses, witnesses_from
from audit.witness.rules import MAX_OFFER, Offer, Refused, WitnessTrust
from audit.witness.server import WitnessServer
from audit.witness.state import MAX_EVIDENCE, Witness, witness_key

LOG = SecretKey("bank.example", bytes(range(32)))
ORIGIN = "bank.example/audit/acme/e1"
NAME = "witness.example/w1"


class History:
    """A log, naively: `word` makes it another history."""

    def __init__(self, word: str = "event", origin: str = ORIGIN, same: int = 0, key: SecretKey = LOG) -> None:
        """same: so many first events are those of every other history."""
        self.origin, self.key, self.word, self._same = origin, key, word, same

    def leaf(self, n: int) -> bytes:
        return leaf_hash(f"{'event' if n < self._same else self.word} {n}".encode())

    def node(self, level: int, index: int) -> bytes:
        if level == 0:
            return self.leaf(index)
        return node_hash(self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1))

    def note(self, size: int) -> Note:
        tree = CompactRange()
        tree.extend(map(self.leaf, range(size)))
        text = Checkpoint(self.origin, size, tree.root()).text()
        return Note(text, (self.key.sign(text),))

    def prove(self, origin: str, old: int, new: int) -> list[bytes]:
        assert origin == self.origin
        return consistency_proof(old, new, self.node)

    def offer(self, old: int, new: int) -> bytes:
        return Offer.make(old, self.prove(self.origin, old, new), self.note(new)).dump()


TRUE = History()
TRUST = WitnessTrust((LOG.key,))


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    witness = Witness(tmp_path / "w", TRUST, name=NAME)
    yield witness
    witness.close()


@pytest.fixture
def server(witness: Witness) -> Iterator[WitnessServer]:
    with serving(witness) as server:
        yield server


@contextmanager
def serving(witness: Witness, **options: float) -> Iterator[WitnessServer]:
    server = WitnessServer(("127.0.0.1", 0), witness, **options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def client(server: WitnessServer, prove: Prove = TRUE.prove, **options: float) -> WitnessClient:
    return WitnessClient(server.url, server.witness.key.key, prove, **options)


def good(witness: Witness, answer: Signature | Refused, note: Note) -> Signature:
    assert isinstance(answer, Signature), answer
    witness.key.key.check(note.text, answer)
    return answer


def refused(answer: Signature | Refused) -> Refused:
    assert isinstance(answer, Refused), answer
    return answer


def size_held(witness: Witness, origin: str = ORIGIN) -> int:
    held = witness.held(origin)
    return held.checkpoint.size if held else 0


# --- What it decides


def test_a_log_that_grows_is_cosigned_each_time_and_held_with_both_signatures(witness: Witness) -> None:
    for old, new in ((0, 3), (3, 4), (4, 4), (4, 11)):
        good(witness, witness.add_checkpoint(TRUE.offer(old, new)), TRUE.note(new))
    held = witness.held(ORIGIN)
    assert held is not None
    assert held.checkpoint == Checkpoint.parse(TRUE.note(11).text)
    assert set(verified(held.note, [LOG.key, witness.key.key])) == {str(LOG.key), str(witness.key.key)}
    assert witness.evidence() == []


def test_a_fork_of_the_same_size_is_refused_and_both_signed_notes_are_kept(witness: Witness) -> None:
    witness.add_checkpoint(TRUE.offer(0, 5))
    fork = History("forged", same=4)
    answer = refused(witness.add_checkpoint(Offer.make(5, [], fork.note(5)).dump()))
    assert (answer.status, answer.size) == (HTTPStatus.CONFLICT, None)
    (kept,) = witness.evidence()
    notes = [Note.parse(kept.held), Note.parse(kept.offered)]
    assert [str(LOG.key) in verified(one, [LOG.key]) for one in notes] == [True, True]
    ours, theirs = (Checkpoint.parse(one.text) for one in notes)
    assert (ours.size, ours.origin) == (theirs.size, theirs.origin)
    assert ours.root != theirs.root
    assert size_held(witness) == 5


def test_a_fork_is_kept_as_evidence_even_where_the_offer_begins_from_a_wrong_size(witness: Witness) -> None:
    witness.add_checkpoint(TRUE.offer(0, 5))
    answer = refused(witness.add_checkpoint(Offer.make(0, [], History("forged").note(5)).dump()))
    assert (answer.status, answer.size) == (HTTPStatus.CONFLICT, 5)
    assert len(witness.evidence()) == 1


@pytest.mark.parametrize("changed", range(7))
def test_a_longer_log_with_any_earlier_event_rewritten_is_refused(witness: Witness, changed: int) -> None:
    """The rewriter has the log's key, and makes the best proof that can be made."""

    class Rewritten(History):
        def leaf(self, n: int) -> bytes:
            return leaf_hash(b"rewritten") if n == changed else super().leaf(n)

    witness.add_checkpoint(TRUE.offer(0, 7))
    answer = refused(witness.add_checkpoint(Rewritten().offer(7, 12)))
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert len(witness.evidence()) == 1
    good(witness, witness.add_checkpoint(TRUE.offer(7, 12)), TRUE.note(12))


def test_a_log_that_shrank_is_told_the_size_that_is_held(witness: Witness) -> None:
    witness.add_checkpoint(TRUE.offer(0, 9))
    for old in (0, 4):
        answer = refused(witness.add_checkpoint(TRUE.offer(old, 4)))
        assert (answer.status, answer.size) == (HTTPStatus.CONFLICT, 9)
    answer = refused(witness.add_checkpoint(Offer.make(9, [], TRUE.note(4)).dump()))
    assert answer.status == HTTPStatus.BAD_REQUEST
    assert size_held(witness) == 9


def test_a_replayed_request_neither_rolls_back_nor_is_cosigned_again(witness: Witness) -> None:
    old_request = TRUE.offer(0, 3)
    witness.add_checkpoint(old_request)
    witness.add_checkpoint(TRUE.offer(3, 8))
    assert refused(witness.add_checkpoint(old_request)).size == 8
    assert size_held(witness) == 8


def test_an_unknown_log_and_an_unknown_or_wrong_key_are_told_apart(witness: Witness) -> None:
    other = History(origin="shop.example/audit/acme/e1")
    assert refused(witness.add_checkpoint(other.offer(0, 3))).status == HTTPStatus.NOT_FOUND
    stranger = SecretKey.generate(LOG.key.name)
    assert refused(witness.add_checkpoint(History(key=stranger).offer(0, 3))).status == HTTPStatus.FORBIDDEN
    note = TRUE.note(3)
    forged = Note(note.text, (Signature(LOG.key.name, LOG.key.hash, bytes(64)),))
    assert refused(witness.add_checkpoint(Offer.make(0, [], forged).dump())).status == HTTPStatus.FORBIDDEN
    assert witness.logs() == []


def test_what_strangers_sign_or_forge_is_never_kept_as_evidence(witness: Witness) -> None:
    witness.add_checkpoint(TRUE.offer(0, 5))
    stranger = SecretKey.generate(LOG.key.name)
    for offered in (History("forged", key=stranger), History("forged", origin="shop.example/audit/acme/e1")):
        witness.add_checkpoint(Offer.make(5, [], offered.note(5)).dump())
    assert witness.evidence() == []


def test_signatures_of_strangers_are_passed_over_and_not_kept(witness: Witness) -> None:
    note = TRUE.note(3)
    stranger = SecretKey.generate("stranger.example")
    crowded = note.plus([stranger.sign(note.text)])
    good(witness, witness.add_checkpoint(Offer.make(0, [], crowded).dump()), note)
    held = witness.held(ORIGIN)
    assert held is not None
    assert {one.name for one in held.note.signatures} == {"bank.example", NAME}


def test_the_first_checkpoint_of_a_log_needs_no_proof_and_may_not_bring_one(witness: Witness) -> None:
    answer = refused(witness.add_checkpoint(Offer.make(0, [bytes(32)], TRUE.note(5)).dump()))
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    good(witness, witness.add_checkpoint(TRUE.offer(0, 5)), TRUE.note(5))


def test_an_empty_log_has_one_root(witness: Witness) -> None:
    text = Checkpoint(ORIGIN, 0, bytes(32)).text()
    answer = refused(witness.add_checkpoint(Offer.make(0, [], Note(text, (LOG.sign(text),))).dump()))
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    good(witness, witness.add_checkpoint(TRUE.offer(0, 0)), TRUE.note(0))
    good(witness, witness.add_checkpoint(TRUE.offer(0, 6)), TRUE.note(6))


def test_every_pair_of_sizes_up_to_12_is_accepted_with_its_proof_and_with_no_other(tmp_path: Path) -> None:
    for old in range(1, 12):
        origins = {new: f"bank.example/{new}" for new in range(old, 12)}
        witness = Witness(tmp_path / str(old), TRUST, name=NAME)
        for new, origin in origins.items():
            log = History(origin=origin)
            good(witness, witness.add_checkpoint(log.offer(0, old)), log.note(old))
            proof = log.prove(origin, old, new)
            for damaged in ([*proof, bytes(32)], proof[:-1], proof[::-1]):
                if damaged != proof:
                    assert refused(witness.add_checkpoint(Offer.make(old, damaged, log.note(new)).dump())).status == 422
            good(witness, witness.add_checkpoint(log.offer(old, new)), log.note(new))
        witness.close()


def test_a_key_speaks_for_its_own_name_and_what_is_below_it_unless_origins_are_given() -> None:
    by_name = WitnessTrust((LOG.key,))
    for origin in ("bank.example", "bank.example/audit/acme/e2"):
        assert by_name.keys_of(origin) == (LOG.key,)
    for origin in ("bank.example.evil/audit", "bank.exampl", "", "other"):
        assert by_name.keys_of(origin) == ()
    given = WitnessTrust.parse([str(LOG.key)], ["countersign.invalid/audit/*", "exact"])
    for origin, known in (
        ("countersign.invalid/audit/acme/e1", True),
        ("exact", True),
        ("exact/below", False),
        ("countersign.invalid/audit", False),
        ("bank.example", False),
    ):
        assert bool(given.keys_of(origin)) is known


def test_a_witness_key_is_not_taken_for_a_log_key() -> None:
    with pytest.raises(NoteRefused, match="witness' key"):
        WitnessTrust.parse([str(SecretKey.generate("w", COSIGNATURE).key)])


def test_a_log_may_change_its_key_where_both_are_known(tmp_path: Path) -> None:
    new_key = SecretKey.generate(LOG.key.name)
    witness = Witness(tmp_path / "w", WitnessTrust((LOG.key, new_key.key)), name=NAME)
    witness.add_checkpoint(TRUE.offer(0, 3))
    rotated = History(key=new_key)
    good(witness, witness.add_checkpoint(rotated.offer(3, 6)), rotated.note(6))
    witness.close()


def test_evidence_is_kept_once_and_not_without_bound(witness: Witness) -> None:
    witness.add_checkpoint(TRUE.offer(0, 3))
    for number in range(MAX_EVIDENCE + 5):
        for _ in range(2):
            witness.add_checkpoint(Offer.make(3, [], History(f"forged {number}").note(3)).dump())
    assert len(witness.evidence()) == MAX_EVIDENCE


# --- What it reads


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n\n",
        b"old 0",
        b"old 0\n\n",
        b"old -1\n\n" + TRUE.note(3).dump().encode(),
        b"old 00\n\n" + TRUE.note(3).dump().encode(),
        b"old 1e3\n\n" + TRUE.note(3).dump().encode(),
        b"old  0\n\n" + TRUE.note(3).dump().encode(),
        b"old 0\r\n\n" + TRUE.note(3).dump().encode(),
        b"old " + b"9" * 30 + b"\n\n" + TRUE.note(3).dump().encode(),
        b"OLD 0\n\n" + TRUE.note(3).dump().encode(),
        b"old 0\n" + TRUE.note(3).dump().encode(),
        b"old 1\nAAAA\n\n" + TRUE.note(3).dump().encode(),
        b"old 1\n" + base64.b64encode(bytes(32))[:-2] + b"B=\n\n" + TRUE.note(3).dump().encode(),
        b"old 1\n" + b"\xff" * 44 + b"\n\n" + TRUE.note(3).dump().encode(),
        b"old 1\n" + (base64.b64encode(bytes(32)) + b"\n") * 64 + b"\n" + TRUE.note(3).dump().encode(),
        b"old 0\n\nnot a checkpoint\n\n" + LOG.sign("not a checkpoint\n").line().encode(),
        b"old 0\n\n" + TRUE.note(3).dump().encode()[:-1],
        b"old 0\n\n" + b"\xff" + TRUE.note(3).dump().encode(),
    ],
)
def test_what_is_no_request_is_refused_as_one(witness: Witness, body: bytes) -> None:
    assert refused(witness.add_checkpoint(body)).status == HTTPStatus.BAD_REQUEST


def test_a_request_is_read_as_it_was_written() -> None:
    offer = Offer.make(5, TRUE.prove(ORIGIN, 5, 9), TRUE.note(9))
    assert Offer.parse(offer.dump()) == offer


def test_no_changed_bit_of_a_request_gets_a_cosignature_for_something_else(witness: Witness) -> None:
    witness.add_checkpoint(TRUE.offer(0, 3))
    whole = TRUE.offer(3, 7)
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        assert isinstance(witness.add_checkpoint(bytes(changed)), Refused)
    assert size_held(witness) == 3


# --- What it remembers


def test_its_memory_and_its_key_survive_a_restart(tmp_path: Path) -> None:
    first = Witness(tmp_path / "w", TRUST, name=NAME)
    first.add_checkpoint(TRUE.offer(0, 5))
    first.add_checkpoint(Offer.make(5, [], History("forged").note(5)).dump())
    first.close()
    second = Witness(tmp_path / "w", TRUST)
    assert second.key.key == first.key.key
    assert size_held(second) == 5
    assert second.counts() == (1, 1)
    assert refused(second.add_checkpoint(TRUE.offer(0, 3))).size == 5
    second.close()


def test_key_and_memory_are_for_the_owner_alone(tmp_path: Path, witness: Witness) -> None:
    folder = tmp_path / "w"
    for path in (folder / "key", folder / "state.db"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {path.name for path in folder.iterdir()} <= {"key", "state.db", "state.db-wal", "state.db-shm"}


def test_one_folder_serves_one_witness_at_a_time(tmp_path: Path, witness: Witness) -> None:
    with pytest.raises(WitnessStopped, match="another witness"):
        Witness(tmp_path / "w", TRUST)
    assert witness_key(tmp_path / "w").key == witness.key.key


@pytest.mark.parametrize("loss", ["gone", "empty", "garbage", "altered"])
def test_a_witness_that_lost_its_memory_does_not_start(tmp_path: Path, loss: str) -> None:
    witness = Witness(tmp_path / "w", TRUST, name=NAME)
    witness.add_checkpoint(TRUE.offer(0, 5))
    witness.close()
    path = tmp_path / "w" / "state.db"
    if loss == "gone":
        path.unlink()
    elif loss == "altered":
        raw = path.read_bytes()
        path.write_bytes(raw.replace(b"\n5\n", b"\n:\n"))
    else:
        path.write_bytes(b"" if loss == "empty" else random.Random(0).randbytes(9000))
    with pytest.raises(WitnessStopped, match=r"new folder|new key"):
        Witness(tmp_path / "w", TRUST)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.chmod(0o644), "chmod 600"),
        (lambda path: path.write_text("junk"), "not a signing key"),
        (lambda path: path.write_text(LOG.dump()), "log's key"),
    ],
)
def test_a_spoilt_key_is_refused(tmp_path: Path, spoil: Callable[[Path], None], why: str) -> None:
    witness_key(tmp_path / "w", NAME)
    spoil(tmp_path / "w" / "key")
    with pytest.raises(KeyRefused, match=why):
        witness_key(tmp_path / "w")


def test_a_key_keeps_its_name(tmp_path: Path) -> None:
    witness_key(tmp_path / "w", NAME)
    with pytest.raises(KeyRefused, match="named"):
        witness_key(tmp_path / "w", "other.example")


def test_the_file_itself_refuses_to_shrink_or_to_forget(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "w", TRUST, name=NAME)
    witness.add_checkpoint(TRUE.offer(0, 5))
    witness.close()
    file = sqlite3.connect(tmp_path / "w" / "state.db")
    for statement in ("UPDATE latest SET size = 4", "DELETE FROM latest", "UPDATE latest SET origin = 'x'"):
        with pytest.raises(sqlite3.IntegrityError):
            file.execute(statement)
    file.close()


def test_a_full_disk_gets_no_cosignature_and_changes_nothing(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "w", TRUST, name=NAME)
    log = History(origin="bank.example/" + "x" * 20_000)  # a record longer than the pages that are left
    witness.add_checkpoint(TRUE.offer(0, 3))
    pages = witness._file.execute("PRAGMA page_count").fetchone()[0]
    witness._file.execute(f"PRAGMA max_page_count = {pages}")
    with serving(witness) as server:
        status, _, body = ask(server, "POST", "/add-checkpoint", log.offer(0, 3))
        assert status == 503
        assert "nothing was cosigned" in body
        assert witness.held(log.origin) is None
        witness._file.execute("PRAGMA max_page_count = 100000")
        assert ask(server, "POST", "/add-checkpoint", log.offer(0, 3))[0] == 200
    witness.close()


def test_of_two_histories_offered_at_the_same_moment_one_is_cosigned(witness: Witness) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for number in range(12):
            logs = [History(one, f"bank.example/{number}") for one in ("event", "forged")] * 3
            requests = [log.offer(0, 1) for log in logs]
            start, cosigned = threading.Barrier(len(logs)), set()

            def race(request: bytes, word: str, start: threading.Barrier = start, won: set[str] = cosigned) -> None:
                start.wait()
                if isinstance(witness.add_checkpoint(request), Signature):
                    won.add(word)

            threads = [
                threading.Thread(target=race, args=(request, log.word)) for request, log in zip(requests, logs, strict=True)
            ]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
            assert len(cosigned) == 1
    finally:
        sys.setswitchinterval(interval)


def test_many_requests_at_once_cosign_one_history(server: WitnessServer) -> None:
    """Two histories that part after 4 events race; whichever wins, the other gets nothing from there on."""
    witness = server.witness
    witness.add_checkpoint(TRUE.offer(0, 4))
    fork = History("forged", same=4)
    won: list[tuple[str, int]] = []

    def grow(name: str, log: History) -> None:
        asking = client(server, log.prove)
        for size in range(5, 30):
            try:
                asking.offer(log.note(size))
                won.append((name, size))
            except WitnessRefused:
                pass
        asking.close()

    threads = [threading.Thread(target=grow, args=one) for one in [("true", TRUE), ("fork", fork)] * 3]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len({name for name, _ in won}) == 1
    assert size_held(witness) == 29


# --- Over HTTP


def ask(
    server: WitnessServer, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=10)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    found = answer.status, answer.headers.get("Content-Type", ""), answer.read().decode()
    connection.close()
    return found


def raw(server: WitnessServer, sent: bytes, *, end: bool = True) -> bytes:
    with socket.create_connection(server.server_address[:2], timeout=10) as connection:
        connection.sendall(sent)
        if end:
            connection.shutdown(socket.SHUT_WR)
        found = b""
        while piece := connection.recv(65536):
            found += piece
        return found


def test_the_statuses_and_bodies_are_those_of_the_specification(server: WitnessServer) -> None:
    def post(body: bytes) -> tuple[int, str, str]:
        return ask(server, "POST", "/add-checkpoint", body)

    status, kind, body = post(TRUE.offer(0, 5))
    assert (status, body.startswith(f"— {NAME} "), body.endswith("\n")) == (200, True, True)
    assert post(TRUE.offer(0, 7)) == (409, "text/x.tlog.size", "5\n")
    assert post(TRUE.offer(5, 7))[0] == 200
    assert post(b"junk")[0] == 400
    assert post(History(origin="unknown").offer(0, 1))[0] == 404
    assert post(History(key=SecretKey.generate("bank.example")).offer(7, 8))[0] == 403
    assert post(Offer.make(7, [bytes(32)], TRUE.note(8)).dump())[0] == 422
    status, kind, _ = post(Offer.make(7, [], History("forged").note(7)).dump())
    assert (status, kind.partition(";")[0]) == (409, "text/plain")


def test_what_it_holds_can_be_read(server: WitnessServer) -> None:
    server.witness.add_checkpoint(TRUE.offer(0, 5))
    server.witness.add_checkpoint(Offer.make(5, [], History("forged").note(5)).dump())
    (shown,) = json.loads(ask(server, "GET", "/checkpoints")[2])
    assert (shown["origin"], shown["size"]) == (ORIGIN, 5)
    (kept,) = json.loads(ask(server, "GET", "/evidence")[2])
    assert {"origin", "time", "reason", "held", "offered"} == set(kept)
    assert VerifierKey.parse(ask(server, "GET", "/key")[2]) == server.witness.key.key
    assert ask(server, "GET", "/healthz")[0] == 200
    metrics = ask(server, "GET", "/metrics")[2]
    assert "countersign_witness_logs 1\n" in metrics
    assert "countersign_witness_evidence 1\n" in metrics
    assert ORIGIN not in metrics
    assert ask(server, "GET", "/" + "0" * 64 + "/checkpoint")[0] == 404
    assert ask(server, "GET", "/elsewhere")[0] == 404


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x00\xff\xfe\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"BREW /add-checkpoint HTTP/1.1\r\n\r\n", 501),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /healthz HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
        (b"GET /healthz HTTP/9.9\r\n\r\n", 505),
        (b"POST /add-checkpoint HTTP/1.1\r\n\r\n", 411),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 411),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: \xc2\xb2\r\n\r\n", 411),
        (b"POST /add-checkpoint HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n", 413),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_OFFER + 1), 413),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 100\r\n\r\nold 0", 400),
        (b"POST /../../etc/passwd HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 404),
        (b"GET /healthz HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 400),
    ],
)
def test_bad_input_gets_one_plain_line_and_the_next_client_is_served(
    server: WitnessServer, capfd: pytest.CaptureFixture[str], sent: bytes, status: int
) -> None:
    answer = raw(server, sent)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ", 2)[1] == str(status).encode()
    assert body.count(b"\n") == 1
    assert b"Traceback" not in answer
    assert b"Python" not in answer
    assert ask(server, "GET", "/healthz")[0] == 200
    assert capfd.readouterr().err == ""


def test_a_failure_inside_is_not_shown_to_the_client(witness: Witness) -> None:
    with serving(witness) as server:
        witness._key = None  # type: ignore[assignment]
        status, _, body = ask(server, "POST", "/add-checkpoint", TRUE.offer(0, 3))
    assert (status, body.count("\n")) == (500, 1)
    assert "NoneType" not in body
    assert witness.logs() == []


@pytest.mark.parametrize("sent", [b"", b"POST /add-ch", b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 100\r\n\r\nold"])
def test_a_client_that_stops_half_way_is_let_go_of(witness: Witness, sent: bytes) -> None:
    with serving(witness, request_s=0.2, idle_s=0.2) as server:
        raw(server, sent, end=False)  # returns when the witness closes; the socket's own time-out would raise


def drip(connection: socket.socket) -> None:
    connection.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 60000\r\n\r\n")
    for _ in range(MAX_OFFER - 100):
        connection.sendall(b"o")
        time.sleep(0.02)


def test_a_client_that_drips_is_let_go_of_too(witness: Witness) -> None:
    with (
        serving(witness, request_s=0.3) as server,
        socket.create_connection(server.server_address[:2], timeout=10) as connection,
        pytest.raises(OSError, match=r"Broken pipe|reset"),
    ):
        drip(connection)


def test_one_connection_serves_many_requests(server: WitnessServer) -> None:
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=10)
    for old, new in ((0, 3), (3, 5), (5, 9)):
        connection.request("POST", "/add-checkpoint", TRUE.offer(old, new))
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
    connection.close()


def test_a_client_that_sends_more_than_is_read_still_gets_its_answer(server: WitnessServer) -> None:
    request = b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900_000
    for _ in range(20):
        assert raw(server, request).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_waits_to_be_told_to_go_on_is_told(server: WitnessServer) -> None:
    body = TRUE.offer(0, 3)
    with socket.create_connection(server.server_address[:2], timeout=10) as connection:
        connection.sendall(
            b"POST /add-checkpoint HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")


# --- The log's side


def test_a_client_that_knows_nothing_learns_the_size_and_proves_from_there(server: WitnessServer) -> None:
    first = client(server)
    first.offer(TRUE.note(5))
    first.close()
    second = client(server)
    signature = second.offer(TRUE.note(9))
    good(server.witness, signature, TRUE.note(9))
    assert second.offer(TRUE.note(9)).name == NAME
    second.close()


def test_an_answer_that_was_lost_after_it_was_recorded_is_asked_for_again(server: WitnessServer) -> None:
    """The witness records, and the connection breaks before its answer: a crash on either side looks like this."""
    asking = client(server)
    asking.offer(TRUE.note(5))
    server.witness.add_checkpoint(TRUE.offer(5, 9))  # answered to nobody
    good(server.witness, asking.offer(TRUE.note(9)), TRUE.note(9))
    good(server.witness, asking.offer(TRUE.note(12)), TRUE.note(12))
    asking.close()


def test_a_rewritten_log_is_caught_though_the_rewriter_has_its_key_and_its_database(server: WitnessServer) -> None:
    asking = client(server)
    asking.offer(TRUE.note(8))
    asking.close()
    rewritten = History("rewritten", same=5)
    asking = client(server, rewritten.prove)
    for size in (8, 12):
        with pytest.raises(WitnessRefused) as caught:
            asking.offer(rewritten.note(size))
        assert caught.value.contradicted
    asking.close()
    assert len(server.witness.evidence()) == 2


def test_a_log_that_was_cut_learns_how_long_it_was(server: WitnessServer) -> None:
    asking = client(server)
    asking.offer(TRUE.note(8))
    with pytest.raises(WitnessAhead) as caught:
        asking.offer(TRUE.note(6))
    assert caught.value.held == 8
    asking.close()


def test_the_last_cosigned_checkpoint_can_be_had_back_and_compared(server: WitnessServer) -> None:
    asking = client(server)
    assert asking.latest(ORIGIN) is None
    asking.offer(TRUE.note(8))
    found = asking.latest(ORIGIN)
    assert found is not None
    checkpoint, note = found
    assert checkpoint == Checkpoint.parse(TRUE.note(8).text)
    assert verified(note, [LOG.key])
    now = Checkpoint.parse(TRUE.note(11).text)
    check_consistency(checkpoint.size, 11, checkpoint.root, now.root, TRUE.prove(ORIGIN, 8, 11))
    asking.close()


class Liar:
    """A server that says the same to everybody. answer: head and body, or None to say nothing for ever."""

    def __init__(self, answer: bytes | None, drip: bool = False) -> None:
        self._answer, self._drip = answer, drip
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self.asked = 0
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.asked += 1
            threading.Thread(target=self._say, args=(connection,), daemon=True).start()

    def _say(self, connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            if self._answer is None:
                self._over.wait(30)
            for piece in [bytes([one]) for one in self._answer or b""] if self._drip else [self._answer or b""]:
                try:
                    connection.sendall(piece)
                except OSError:
                    return
                if self._drip and self._over.wait(0.02):
                    return
            with suppress(OSError):  # closed with bytes unread, the connection would be reset
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

    def close(self) -> None:
        self._over.set()
        self._socket.close()


def answering(body: bytes, status: int = 200, kind: str = "text/plain") -> bytes:
    return b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        kind.encode(),
        len(body),
        body,
    )


WITNESS = SecretKey(NAME, bytes(range(9, 41)), COSIGNATURE)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (answering(WITNESS.sign(TRUE.note(5).text).line().encode()), "no cosignature of this checkpoint"),  # a replay
        (answering(SecretKey.generate(NAME, COSIGNATURE).sign(TRUE.note(6).text).line().encode()), "no cosignature by"),
        (answering(Signature(NAME, WITNESS.key.hash, bytes(72)).line().encode()), "no cosignature of this"),
        (answering(LOG.sign(TRUE.note(6).text).line().encode()), "no cosignature by"),
        (answering(b""), "no cosignature"),
        (answering(b"junk\n"), "no cosignature"),
        (answering(b"\xff\n"), "no cosignature"),
        (answering(b"x" * (MAX_OFFER + 1)), "too much"),
        (answering(b"6\n", 409, "text/x.tlog.size") , "told another size"),
        (answering(b"06\n", 409, "text/x.tlog.size"), "where a size is expected"),
        (answering(b"-6\n", 409, "text/x.tlog.size"), "where a size is expected"),
        (answering(b"9" * 30 + b"\n", 409, "text/x.tlog.size"), "where a size is expected"),
        (answering(b"", 500), "500"),
        (answering(b"", 302), "302"),
        (b"SSH-2.0-OpenSSH\r\n", "does not answer"),
        (b"", "does not answer"),
    ],
)  # fmt: skip
def test_a_lying_witness_gets_nothing_into_the_record(answer: bytes, why: str) -> None:
    liar = Liar(answer)
    asking = WitnessClient(liar.url, WITNESS.key, TRUE.prove, timeout_s=5)
    with pytest.raises(WitnessFailed, match=why):
        asking.offer(TRUE.note(6))
    asking.close()
    liar.close()


def test_a_witness_that_claims_to_be_ahead_once_is_asked_again_later(server: WitnessServer) -> None:
    liar = Liar(answering(b"9999999\n", 409, "text/x.tlog.size"))
    asking = client(server)
    honest, asking.url = asking.url, liar.url
    with pytest.raises(WitnessAhead):
        asking.offer(TRUE.note(6))
    asking.url = honest
    asking.offer(TRUE.note(6))
    asking.close()
    liar.close()


@pytest.mark.parametrize("drip", [False, True])
def test_a_slow_witness_is_given_up(drip: bool) -> None:
    liar = Liar(answering(b"x" * 30_000) if drip else None, drip)
    asking = WitnessClient(liar.url, WITNESS.key, TRUE.prove, timeout_s=0.3)
    with pytest.raises(WitnessFailed):
        asking.offer(TRUE.note(6))
    asking.close()
    liar.close()


def test_a_key_of_a_log_is_no_key_of_a_witness() -> None:
    with pytest.raises(NoteRefused, match="log's key"):
        WitnessClient("http://127.0.0.1:1", LOG.key, TRUE.prove)


def test_all_witnesses_are_asked_and_the_good_answers_are_added(server: WitnessServer) -> None:
    down = WitnessClient("http://127.0.0.1:9", SecretKey.generate("down", COSIGNATURE).key, TRUE.prove)
    both = Witnesses([client(server), down], wait_s=20)
    note = both.offer(TRUE.note(5))
    assert set(verified(note, [LOG.key, server.witness.key.key])) == {str(LOG.key), str(server.witness.key.key)}
    standings = {one.name: one for one in both.standings()}
    assert (standings[NAME].problem, standings[NAME].last_good > 0) == ("", True)
    assert "does not answer" in standings["down"].problem
    assert len(both.offer(TRUE.note(7)).signatures) == 2
    both.close()


def test_a_witness_that_is_still_busy_is_neither_asked_again_nor_waited_for(server: WitnessServer) -> None:
    silent = Liar(None)
    slow = WitnessClient(silent.url, SecretKey.generate("slow", COSIGNATURE).key, TRUE.prove, timeout_s=60)
    both = Witnesses([client(server), slow], wait_s=3)
    assert len(both.offer(TRUE.note(5)).signatures) == 2
    assert silent.asked == 1
    assert len(both.offer(TRUE.note(7)).signatures) == 2
    assert silent.asked == 1
    both.close()
    silent.close()


def test_a_cosignature_that_comes_after_the_wait_is_handed_over_late(server: WitnessServer) -> None:
    late: list[Note] = []
    came, go_on = threading.Event(), threading.Event()

    def slowly(origin: str, old: int, new: int) -> list[bytes]:
        go_on.wait(10)
        return TRUE.prove(origin, old, new)

    def store(note: Note) -> None:
        late.append(note)
        came.set()

    server.witness.add_checkpoint(TRUE.offer(0, 3))
    both = Witnesses([client(server, slowly)], wait_s=0.05, late=store)
    assert both.offer(TRUE.note(5)) == TRUE.note(5)
    go_on.set()
    assert came.wait(10)
    assert set(verified(late[0], [server.witness.key.key])) == {str(server.witness.key.key)}
    both.close()


def test_a_contradiction_stays_in_the_standing(server: WitnessServer) -> None:
    server.witness.add_checkpoint(TRUE.offer(0, 5))
    fork = History("forged")
    both = Witnesses([client(server, fork.prove)])
    assert both.offer(fork.note(5)) == fork.note(5)
    assert both.standings()[0].contradicted
    both.close()


def test_witnesses_are_named_by_url_and_key(server: WitnessServer) -> None:
    both = witnesses_from([f"{server.url} {server.witness.key.key}"], TRUE.prove)
    assert len(both.offer(TRUE.note(5)).signatures) == 2
    both.close()
    for line in ("", server.url, f"{server.witness.key.key}", f"file:///x {server.witness.key.key}", f"{server.url} junk"):
        with pytest.raises(NoteRefused, match=r"public key|verifier key"):
            witnesses_from([line], TRUE.prove)


# --- As a process

COMMAND = "from app.cli import main; main()"
LIGHT = """
import sys
import app.cli.audit.witness, audit.witness.server, audit.witness.state
heavy = {"sqlalchemy", "alembic", "flask", "werkzeug", "jax", "numpy", "spacy", "pydantic", "httpx", "rich", "opentelemetry"}
found = heavy & {name.partition(".")[0] for name in sys.modules}
sys.exit(f"imported: {sorted(found)}" if found else 0)
"""


class Process:
    """`countersign witness`, started for real."""

    def __init__(self, folder: Path, *more: str) -> None:
        arguments = ["witness", "--listen", "127.0.0.1:0", "--state", str(folder), "--log", str(LOG.key), *more]
        self._process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        assert self._process.stderr
        self.key = VerifierKey.parse(self._process.stdout.readline())
        self.url = self._process.stderr.readline().split(" at ")[1].split(",")[0]

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def stop(self) -> tuple[int, str]:
        self._process.send_signal(signal.SIGTERM)
        _, said = self._process.communicate(timeout=20)
        return self._process.returncode, said


@pytest.mark.process
def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    chance = random.Random(3)
    answered = 0
    for _ in range(4):
        process = Process(tmp_path / "w", "--name", NAME)
        asking = WitnessClient(process.url, process.key, TRUE.prove, timeout_s=10)
        found = asking.latest(ORIGIN)
        assert (found[0].size if found else 0) >= answered
        killer = threading.Timer(chance.uniform(0.02, 0.3), process.kill)
        killer.start()
        try:
            while True:
                asking.offer(TRUE.note(answered + 1))
                answered += 1
        except WitnessFailed:
            pass
        killer.join()
        asking.close()
    process = Process(tmp_path / "w")
    asking = WitnessClient(process.url, process.key, TRUE.prove)
    asking.offer(TRUE.note(answered + 5))
    asking.close()
    assert process.stop()[0] == 0


@pytest.mark.process
def test_the_command_loads_neither_models_nor_databases_nor_web_frameworks() -> None:
    subprocess.run([sys.executable, "-c", LIGHT], check=True, timeout=60)


@pytest.mark.process
def test_the_command_prints_its_key_serves_and_stops_when_told(tmp_path: Path) -> None:
    run = [sys.executable, "-c", COMMAND, "witness"]
    printed = subprocess.run(
        [*run, "key", "--state", str(tmp_path / "w"), "--name", NAME], capture_output=True, text=True, timeout=60
    )
    process = Process(tmp_path / "w")
    assert str(process.key) == printed.stdout.strip()
    again = subprocess.run([*run, "--state", str(tmp_path / "w"), "key"], capture_output=True, text=True, timeout=60)
    assert again.stdout == printed.stdout
    asking = WitnessClient(process.url, process.key, TRUE.prove)
    asking.offer(TRUE.note(4))
    asking.close()
    code, said = process.stop()
    assert code == 0
    assert "first checkpoint" in said
    assert "Traceback" not in said


@pytest.mark.process
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "--log"),
        (["--log", "junk"], "not a verifier key"),
        (["--log", str(LOG.key), "--listen", "8765"], "HOST:PORT"),
        (["--log", str(LOG.key), "--listen", "127.0.0.1:x"], "HOST:PORT"),
    ],
)
def test_a_wrong_command_line_ends_with_one_line_that_says_what_to_do(
    tmp_path: Path, arguments: list[str], why: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", COMMAND, "witness", "--state", str(tmp_path / "w"), *arguments],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 2
    assert why in ended.stderr
    assert "Traceback" not in ended.stderr
