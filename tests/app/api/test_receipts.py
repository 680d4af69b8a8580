"""Receipts over HTTP, and exports over the command line, from a deployment without models."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.serving.application import create_app
from app.settings import Settings
from app.wiring.house import House
from audit.format.notes import VerifierKey
from audit.format.receipts import LogProof
from audit.verify.offline import ReaderTrust, verify_bundle, verify_receipt
from tests.support.events import step

TENANT = "halden"
ANSWER = ("received", "redacted", "judged", "released", "released", "finished")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def house(home: Path) -> Iterator[House]:
    house = House.open(Settings(home=home))
    yield house
    house.close()


@pytest.fixture
def client(house: House) -> FlaskClient:
    return create_app(house).test_client()


@pytest.fixture
def trust(house: House) -> ReaderTrust:
    return ReaderTrust(tuple(VerifierKey.parse(str(key)) for key in house.signing.public))


def headers(house: House, role: Any = "caller", person: str | None = "anna") -> dict[str, str]:
    secret = house.keys.create(TENANT, role, "test", ())
    return {"Authorization": f"Bearer {secret}", **({"Countersign-Subject": person} if person else {})}


def answered(house: House, query: str, person: str = "anna", kinds: tuple[str, ...] = ANSWER) -> None:
    subject = house.keys.pseudonym(TENANT, person)
    for number, kind in enumerate(kinds):
        body = {"text": f"{query} {kind} {number}"} if kind == "released" else {}
        ticket = house.audit.append(TENANT, step(kind, query, subject, conversation=f"c-{query}", body=body))
    ticket.wait()


def test_the_receipts_of_an_answer_are_there_at_once_and_verify_offline(
    house: House, client: FlaskClient, trust: ReaderTrust
) -> None:
    answered(house, "q1")
    found = client.get("/v1/receipts/q1", headers=headers(house))
    assert found.status_code == 200
    told = found.get_json()
    assert [one["kind"] for one in told["receipts"]] == ["released", "released", "finished"]
    assert (told["origin"], told["complete"]) == ("countersign.invalid/audit/halden/e1", True)
    for one in told["receipts"]:
        verdict = verify_receipt(one["tlog_proof"], trust)
        assert verdict.ok, verdict.findings
        assert json.loads(one["envelope"])["query"] == "q1"


@pytest.mark.parametrize("how", [{"query_string": {"format": "tlog-proof"}}, {"headers": {"Accept": "text/plain"}}])
def test_a_receipt_is_a_file_to_keep(house: House, client: FlaskClient, trust: ReaderTrust, how: dict[str, Any]) -> None:
    answered(house, "q1")
    how = {**how, "headers": {**how.get("headers", {}), **headers(house)}}
    found = client.get("/v1/receipts/q1", **how)
    assert found.mimetype == "text/plain"
    assert found.headers["Content-Disposition"] == 'attachment; filename="halden-5.tlog-proof"'
    assert verify_receipt(found.text, trust).ok
    assert LogProof.parse(found.text).index == 5


def test_one_event_can_be_asked_for(house: House, client: FlaskClient) -> None:
    answered(house, "q1")
    found = client.get("/v1/receipts/q1?seq=3", headers=headers(house)).get_json()
    assert [one["seq"] for one in found["receipts"]] == [3]
    assert client.get("/v1/receipts/q1?seq=0", headers=headers(house)).status_code == 404
    assert client.get("/v1/receipts/q1?format=xml", headers=headers(house)).status_code == 422


def test_another_persons_query_is_as_unknown_as_one_that_never_was(house: House, client: FlaskClient) -> None:
    answered(house, "q1")
    theirs = client.get("/v1/receipts/q1", headers=headers(house, person="bert"))
    never = client.get("/v1/receipts/q9", headers=headers(house, person="bert"))
    nobody = client.get("/v1/receipts/q1", headers=headers(house, person=None))
    assert theirs.status_code == never.status_code == nobody.status_code == 404
    assert theirs.data == never.data == nobody.data
    assert client.get("/v1/receipts/q1").status_code == 401


def test_an_auditor_gets_any_receipt_of_the_tenant_and_looking_is_recorded(house: House, client: FlaskClient) -> None:
    answered(house, "q1")
    assert client.get("/v1/receipts/q1", headers=headers(house, "auditor")).status_code == 200
    assert house.reader.query(TENANT, "q1")[-1].kind == "access.viewed"
    again = client.get("/v1/receipts/q1", headers=headers(house)).get_json()
    assert [one["kind"] for one in again["receipts"]] == ["released", "released", "finished"]


def test_an_answer_under_way_has_no_receipt_yet(house: House, client: FlaskClient) -> None:
    answered(house, "q1", kinds=ANSWER[:3])
    assert client.get("/v1/receipts/q1", headers=headers(house)).status_code == 409
    answered(house, "q2", kinds=ANSWER[:4])
    assert client.get("/v1/receipts/q2", headers=headers(house)).get_json()["complete"] is False


def test_without_a_checkpoint_the_caller_is_told_to_come_back(house: House, client: FlaskClient) -> None:
    house.checkpoints.close()
    answered(house, "q1")
    found = client.get("/v1/receipts/q1", headers=headers(house))
    assert (found.status_code, found.headers["Retry-After"]) == (503, "2")


# --- the command line, in processes of its own ---


def run(home: Path, *args: str, code: int = 0) -> subprocess.CompletedProcess[bytes]:
    import os

    environ = {**os.environ, "COUNTERSIGN_HOME": str(home), "COUNTERSIGN_LOG_FILE": str(home.parent / "log")}
    found = subprocess.run([sys.executable, "-m", "app", "audit", *args], capture_output=True, env=environ, timeout=120)
    assert found.returncode == code, (found.stdout, found.stderr)
    return found


def test_an_export_is_recorded_and_verifies_with_the_printed_key_alone(home: Path, tmp_path: Path) -> None:
    house = House.open(Settings(home=home))
    answered(house, "q1")
    answered(house, "q2", person="bert")
    house.close()
    key = run(home, "keys").stdout.decode().strip()
    output = tmp_path / "anna.jsonl"
    run(home, "export", "--subject", "anna", "--bodies", "opened", "--reason", "case 12", "--output", str(output))
    assert output.stat().st_mode & 0o777 == 0o600
    verdict = verify_bundle(io.BytesIO(output.read_bytes()), ReaderTrust((VerifierKey.parse(key),)))
    assert (verdict.ok, verdict.events) == (True, len(ANSWER)), verdict.findings
    assert b"q1 released 3" in output.read_bytes()
    assert b"c-q2" not in output.read_bytes()  # with a hyphen, which no base64 has
    told = run(home, "verify", "--bundle", str(output), "--key", key).stdout.decode()
    assert "good: nothing was altered" in told
    whole = run(home, "export", "--output", "-").stdout
    recorded = [json.loads(json.loads(line)["envelope"])["kind"] for line in whole.splitlines()[1:-1]]
    assert recorded[-2:] == ["access.exported", "access.exported"]
    assert verify_bundle(io.BytesIO(whole), ReaderTrust((VerifierKey.parse(key),))).ok
    run(home, "export", "--output", str(output), code=2)
    table = run(home, "export", "--format", "csv", "--query", "q2", "--output", "-").stdout
    assert table.count(b"\r\n") == 1 + len(ANSWER) + 1  # the heading, the answer, this export itself


def test_opening_bodies_needs_a_reason(home: Path) -> None:
    found = run(home, "export", "--bodies", "opened", "--output", "-", code=2)
    assert b"needs --reason" in found.stderr
    assert not home.exists()
