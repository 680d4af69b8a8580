"""Signing keys: made once, kept private, rotated with an overlap, and never forgotten."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.checkpoints.signing_keys import VARIABLE, VaultKey, load_keys, public_keys, retire, rotate
from audit.errors import KeyRefused
from audit.format.notes import COSIGNATURE, ED25519, Note, SecretKey, VerifierKey, open_checkpoint, verified

NAME = "audit.example"
TEXT = f"{NAME}/audit/acme/e1\n1\n{base64.b64encode(bytes(32)).decode()}\n"


def test_a_key_is_made_at_the_first_start_and_is_the_same_ever_after(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "audit"
    (made,) = load_keys(path, NAME, {}).signers
    (again,) = load_keys(path, "another name", {}).signers
    assert (str(made.key), made.key.name) == (str(again.key), NAME)
    assert public_keys(path, {}) == (made.key,)
    assert path.stat().st_mode & 0o777 == 0o600
    assert open_checkpoint(Note(TEXT, (made.sign(TEXT),)).dump(), [again.key])[0].size == 1


def test_there_are_no_public_keys_before_there_is_a_key(tmp_path: Path) -> None:
    assert public_keys(tmp_path / "audit", {}) == ()
    assert not (tmp_path / "audit").exists()


@pytest.mark.process
def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from audit.checkpoints.signing_keys import load_keys;"
        "print(load_keys(Path(sys.argv[1]), 'audit.example', {}).signers[0].key)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "audit")]
    root = Path(__file__).parents[3]
    processes = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert len({process.communicate(timeout=60)[0] for process in processes}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["audit"]


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    key = SecretKey.generate("elsewhere.example")
    (found,) = load_keys(tmp_path / "audit", NAME, {VARIABLE: key.dump()}).signers
    assert found.key == key.key
    assert not (tmp_path / "audit").exists()


def test_a_rotation_signs_with_both_keys_until_the_old_one_is_retired_and_still_verifies_its_notes(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    (old,) = load_keys(path, NAME, {}).signers
    before = Note(TEXT, (old.sign(TEXT),)).dump()
    new_key = rotate(path, NAME)
    signers = load_keys(path, NAME, {}).signers
    assert [signer.key for signer in signers] == [new_key, old.key]
    during = Note(TEXT, tuple(signer.sign(TEXT) for signer in signers)).dump()
    retire(path, old.key)
    assert [signer.key for signer in load_keys(path, NAME, {}).signers] == [new_key]
    assert public_keys(path, {}) == (new_key, old.key)
    assert "PRIVATE+KEY" in path.read_text().splitlines()[0]
    assert path.read_text().count("PRIVATE+KEY") == 1
    after = Note(TEXT, tuple(signer.sign(TEXT) for signer in load_keys(path, NAME, {}).signers)).dump()
    for note, readers in ((before, [old.key]), (during, [old.key]), (during, [new_key]), (after, [new_key])):
        assert open_checkpoint(note, readers)
    for note in (before, during, after):
        assert open_checkpoint(note, public_keys(path, {}))


def test_the_only_key_and_a_foreign_one_cannot_be_retired(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    (only,) = load_keys(path, NAME, {}).signers
    with pytest.raises(KeyRefused, match="the only key"):
        retire(path, only.key)
    with pytest.raises(KeyRefused, match="has no signing key"):
        retire(path, SecretKey.generate(NAME).key)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    load_keys(path, NAME, {})
    os.chmod(path, 0o640)
    with pytest.raises(KeyRefused, match="chmod 600"):
        load_keys(path, NAME, {})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "no signing key"),
        ("# a comment only", "no signing key"),
        ("PRIVATE+KEY+nonsense", "line 1: not a signing key"),
        ("some words", "line 1: not a verifier key"),
        (SecretKey.generate(NAME, COSIGNATURE).dump(), "a witness' key"),
        (str(SecretKey.generate(NAME).key), "no signing key"),
    ],
    ids=["nothing", "a comment", "nonsense", "words", "a key of a witness", "a public key"],
)
def test_a_file_without_a_good_key_is_refused_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "audit"
    path.write_text(line + "\n")
    path.chmod(0o600)
    with pytest.raises(KeyRefused, match=said):
        load_keys(path, NAME, {})


def test_an_altered_private_key_is_refused_and_never_quoted(tmp_path: Path) -> None:
    secret = SecretKey.generate(NAME).dump()
    altered = secret[:-3] + ("A" if secret[-3] != "A" else "B") + secret[-2:]
    with pytest.raises(KeyRefused) as refused:
        load_keys(tmp_path / "audit", NAME, {VARIABLE: altered})
    assert altered[-20:] not in str(refused.value)


# Vault: a stand-in that speaks the transit engine's sign call


class Transit:
    def __init__(self) -> None:
        self.keys = {1: Ed25519PrivateKey.generate(), 2: Ed25519PrivateKey.generate()}
        self.fault: Any = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                answer: dict[str, Any] = {"errors": ["permission denied"]}
                status = 403
                if self.headers["X-Vault-Token"] == "s.token" and self.path == "/v1/transit/sign/countersign":
                    version = body.get("key_version", max(outer.keys))
                    blob = outer.keys[version].sign(base64.b64decode(body["input"]))
                    answer = {"data": {"signature": f"vault:v{version}:{base64.b64encode(blob).decode()}"}}
                    status = 200
                if outer.fault is not None:
                    answer = {"data": outer.fault}
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_args: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/transit/sign/countersign"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def key(self, version: int) -> VerifierKey:
        return VerifierKey(NAME, ED25519, self.keys[version].public_key().public_bytes_raw())


@pytest.fixture
def transit() -> Iterator[Transit]:
    transit = Transit()
    yield transit
    transit.server.shutdown()
    transit.server.server_close()


def test_a_key_in_vault_signs_like_one_in_a_file(transit: Transit, tmp_path: Path) -> None:
    environ = {"VAULT_TOKEN": "s.token", VARIABLE: f"VAULT+KEY {transit.key(1)} {transit.url}?key_version=1"}
    (signer,) = load_keys(tmp_path / "audit", NAME, environ).signers
    note = Note(TEXT, (signer.sign(TEXT),))
    assert list(verified(note, [transit.key(1)])) == [str(transit.key(1))]


def test_a_key_is_not_rotated_in_a_file_that_nobody_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit"
    (old,) = load_keys(path, NAME, {}).signers
    monkeypatch.setenv("COUNTERSIGN_AUDIT_KEY", path.read_text())
    before = path.read_text()
    for change in (lambda: rotate(path, NAME), lambda: retire(path, old.key)):
        with pytest.raises(KeyRefused, match=r"environment variable COUNTERSIGN_AUDIT_KEY, and \S+ is not read"):
            change()
    assert path.read_text() == before


def test_a_vault_that_rotated_refuses_or_talks_nonsense_does_not_sign(transit: Transit) -> None:
    environ = {"VAULT_TOKEN": "s.token"}
    with pytest.raises(KeyRefused, match="signed with another key"):
        VaultKey(transit.key(1), transit.url, environ).sign(TEXT)
    with pytest.raises(KeyRefused, match="403"):
        VaultKey(transit.key(1), transit.url, {}).sign(TEXT)
    for fault in ("x", {"signature": 3}, {"signature": "vault:v1:!"}, {}):
        transit.fault = fault
        with pytest.raises(KeyRefused, match="did not sign"):
            VaultKey(transit.key(1), transit.url, environ).sign(TEXT)
    with pytest.raises(KeyRefused, match="did not sign"):
        VaultKey(transit.key(1), "http://127.0.0.1:1/v1/transit/sign/x", environ).sign(TEXT)
    with pytest.raises(KeyRefused, match="no address"):
        VaultKey(transit.key(1), "ftp://somewhere", environ)
