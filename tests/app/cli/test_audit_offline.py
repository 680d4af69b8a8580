"""`countersign audit verify --bundle` and `--receipt`, as an outsider runs them: no home, no settings, no database."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audit.format.bundle import Selection
from audit.format.merkle import leaf_hash
from audit.format.notes import SecretKey
from audit.format.proofs import inclusion_proof
from audit.format.receipts import LogProof
from audit.verify.offline import ReaderTrust, verify_receipt
from tests.support.bundles import KEY, ORIGIN, OTHER, POLICY, WITNESSES, History, written

HEAVY = {
    "sqlalchemy", "alembic", "psycopg", "flask", "werkzeug", "jax", "flax", "numpy", "presidio_analyzer", "spacy", "faiss",
    "pydantic", "pydantic_settings", "opentelemetry", "structlog", "rich", "httpx", "pyarrow", "uuid_utils", "gunicorn",
}  # fmt: skip
HISTORY = History(21)


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """With the names of all imported modules on the last line of standard error."""
    code = (
        "import atexit, sys; from app.cli import main; "
        "atexit.register(lambda: print(*{m.split('.')[0] for m in sys.modules}, file=sys.stderr)); main(sys.argv[1:])"
    )
    environ = {**os.environ, "COUNTERSIGN_CONFIG": "no-such-file", "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", code, "audit", "verify", *args]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)


def receipt(seq: int = 5, envelope: bytes | None = None, by: Any = (KEY,)) -> str:
    proof = tuple(inclusion_proof(seq, HISTORY.size, HISTORY.node))
    return LogProof(seq, HISTORY.envelopes[seq] if envelope is None else envelope, proof, HISTORY.checkpoint(by=by)).dump()


@pytest.mark.process
@pytest.mark.parametrize("what", ["--bundle", "--receipt"])
def test_verifying_needs_the_file_and_a_key_and_loads_no_database_model_or_web_framework(what: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(written(HISTORY) if what == "--bundle" else receipt().encode())
    found = run(tmp_path, what, "file", "--key", str(KEY.key))
    assert found.returncode == 0, found.stderr
    assert "good:" in found.stdout
    assert not HEAVY & set(found.stderr.splitlines()[-1].split())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.process
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path) -> None:
    lines = written(HISTORY).splitlines(keepends=True)
    (tmp_path / "bundle").write_bytes(b"".join(lines[:4] + lines[5:7] + [lines[8], lines[7]] + lines[9:]))
    found = run(tmp_path, "--bundle", "bundle", "--key", str(KEY.key))
    assert found.returncode == 1
    assert "missing: event 3 is missing (event 3)" in found.stdout
    assert "reordered: event 6 stands after one with a larger number (line 8, event 6)" in found.stdout
    assert "altered: these are not the lines that the manifest was signed for (line 22)" in found.stdout
    told = json.loads(run(tmp_path, "--bundle", "bundle", "--key", str(KEY.key), "--json").stdout)
    assert (told["ok"], told["size"]) == (False, 21)
    assert {"what": "missing", "detail": "event 3 is missing", "line": None, "seq": 3} in told["findings"]


@pytest.mark.process
def test_keys_witnesses_policies_and_checkpoints_are_taken_into_account(tmp_path: Path) -> None:
    (tmp_path / "bundle").write_bytes(written(HISTORY, Selection(query="q1"), since=[7], by=(KEY, WITNESSES[0])))
    (tmp_path / "keys").write_text(f"# of the firm\n{OTHER.key}\n{KEY.key}\n")
    (tmp_path / "old").write_text(HISTORY.checkpoint(7))
    good = [
        "--bundle",
        "bundle",
        "--key",
        "keys",
        "--witness",
        str(WITNESSES[0].key),
        "--policy",
        POLICY,
        "--origin",
        ORIGIN,
    ]
    assert run(tmp_path, *good, "--checkpoint", "old").returncode == 0
    for wrong, word in (
        (["--bundle", "bundle", "--key", str(OTHER.key)], "wrong-key"),
        ([*good, "--witness", str(WITNESSES[1].key)], "uncosigned"),
        (["--bundle", "bundle", "--key", "keys", "--policy", "00"], "wrong-policy"),
        ([*good[:-1], "elsewhere"], "wrong-origin"),
    ):
        found = run(tmp_path, *wrong)
        assert (found.returncode, word in found.stdout) == (1, True), found
    assert run(tmp_path, *good, "--witness", str(WITNESSES[1].key), "--needed", "1").returncode == 0


@pytest.mark.process
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--bundle", "bundle"], "--key"),
        (["--bundle", "gone", "--key", str(KEY.key)], "cannot be read"),
        (["--bundle", "bundle", "--receipt", "bundle", "--key", str(KEY.key)], "not both"),
        (["--bundle", "bundle", "--key", str(WITNESSES[0].key)], "witness' key"),
        (["--bundle", "bundle", "--key", "nonsense"], "not a verifier key"),
        (["--bundle", "bundle", "--key", str(KEY.key), "--needed", "1"], "more than the witnesses"),
        (["--key", str(KEY.key)], "go with --bundle"),
        (["--bundle", "bundle", "--tenant", "acme", "--key", str(KEY.key)], "--origin"),
    ],
)
def test_a_misuse_ends_with_what_to_do(tmp_path: Path, args: list[str], said: str) -> None:
    (tmp_path / "bundle").write_bytes(written(HISTORY))
    found = run(tmp_path, *args)
    assert found.returncode == 2
    assert said in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.process
def test_a_file_cannot_write_on_the_readers_terminal(tmp_path: Path) -> None:
    name = "countersign.invalid/\x9b2J\u202eaudit/acme/e1"
    bundle = written(HISTORY, origin=name, checkpoint=HISTORY.checkpoint(origin=name))
    (tmp_path / "bundle").write_bytes(bundle)
    found = run(tmp_path, "--bundle", "bundle", "--key", str(KEY.key))
    assert not {"\x9b", "\u202e", "\x1b"} & set(found.stdout)


# --- receipts ---


def test_every_flipped_bit_of_a_receipt_is_found() -> None:
    trust, text = ReaderTrust((KEY.key,), origin=ORIGIN), receipt()
    assert verify_receipt(text, trust).ok
    raw = text.encode()
    for at in range(len(raw)):
        damaged = bytearray(raw)
        damaged[at] ^= 1 << at % 7
        try:
            changed = damaged.decode()
        except UnicodeDecodeError:
            continue
        assert not verify_receipt(changed, trust).ok, f"byte {at}"


def test_a_receipt_for_another_event_key_or_log_is_refused() -> None:
    trust = ReaderTrust((KEY.key,), policies=frozenset({POLICY}))
    assert verify_receipt(receipt(), trust).ok
    cases = {
        receipt(envelope=HISTORY.envelopes[6]): "altered",
        receipt(envelope=b"{}"): "altered",
        receipt(by=(OTHER,)): "wrong-key",
        receipt(by=(SecretKey("else.example", bytes(32)),)): "wrong-key",
        receipt().replace("index 5", "index 05"): "malformed",
        receipt().replace("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"): "malformed",
        receipt().split("\n\n")[0]: "malformed",
    }
    for text, word in cases.items():
        assert [one.what for one in verify_receipt(text, trust).findings] == [word]


def test_a_receipt_of_another_logs_event_in_this_tree_is_misplaced() -> None:
    stranger = History(3, log="other")
    text = LogProof(
        1, stranger.envelopes[1], tuple(inclusion_proof(1, 3, stranger.node)), stranger.checkpoint()
    ).dump()  # fmt: skip
    assert [one.what for one in verify_receipt(text, ReaderTrust((KEY.key,))).findings] == ["misplaced"]


def test_a_receipt_is_compared_with_the_checkpoints_kept_from_earlier() -> None:
    other = History(21, mark="x")
    for held, words in (
        (HISTORY.checkpoint(), []),
        (other.checkpoint(), ["forked"]),
        (History(22).checkpoint(), ["stale"]),
        (HISTORY.checkpoint(7), ["missing"]),
    ):
        verdict = verify_receipt(receipt(), ReaderTrust((KEY.key,), held=(held,)))
        assert [one.what for one in verdict.findings] == words


def test_a_receipt_reads_as_the_specification_writes_it() -> None:
    """C2SP tlog-proof: first line, extra, index, hashes from the leaf up, empty line, checkpoint verbatim."""
    lines = receipt().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1].startswith("extra ")
    assert lines[2] == "index 5"
    assert lines[3] == base64.b64encode(leaf_hash(HISTORY.envelopes[4])).decode()
    assert lines[lines.index("") + 1] == ORIGIN
    alone = LogProof(0, b"{}", (), HISTORY.checkpoint(1))
    assert LogProof.parse(alone.dump()) == alone
