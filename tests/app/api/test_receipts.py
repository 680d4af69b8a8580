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

from app.identity.subjects import Person
from app.serving.application import create_app
from app.settings import Settings
from app.wiring.deployment import Deployment, open_deployment
from app.wiring.service import Service
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
def deployment(home: Path) -> Iterator[Deployment]:
    deployment = open_deployment(Settings(home=home))
    yield deployment
    deployment.close()


@pytest.fixture
def client(deployment: Deployment) -> FlaskClient:
    return create_app(Service(deployment)).test_client()


@pytest.fixture
def trust(deployment: Deployment) -> ReaderTrust:
    return ReaderTrust(tuple(VerifierKey.parse(str(key)) for key in deployment.signing.public))


def headers(deployment: Deployment, role: Any = "caller", person: str | None = "anna") -> dict[str, str]:
    secret = deployment.keys.create(TENANT, role, "test", ())
    return {"Authorization": f"Bearer {secret}", **({"Countersign-Subject": person} if person else {})}


def answered(deployment: Deployment, query: str, person: str = "anna", kinds: tuple[str, ...] = ANSWER) -> None:
    subject = deployment.keys.pseudonym(TENANT, Person(person))
    for number, kind in enumerate(kinds):
        body = {"text": f"{query} {kind} {number}"} if kind == "released" else {}
        ticket = deployment.audit.append(TENANT, step(kind, query, subject, conversation=f"c-{query}", body=body))
    ticket.wait()


def test_the_receipts_of_an_answer_are_there_at_once_and_verify_offline(
    deployment: Deployment, client: FlaskClient, trust: ReaderTrust
) -> None:
    answered(deployment, "q1")
    found = client.get("/v1/receipts/q1", headers=headers(deployment))
    assert found.status_code == 200
    told = found.get_json()
    assert [one["kind"] for one in told["receipts"]] == ["released", "released", "finished"]
    assert (told["origin"], told["complete"]) == ("countersign.invalid/audit/halden/e1", True)
    for one in told["receipts"]:
        verdict = verify_receipt(one["tlog_proof"], trust)
        assert verdict.ok, verdict.findings
        assert json.loads(one["envelope"])["query"] == "q1"


@pytest.mark.parametrize("how", [{"query_string": {"format": "tlog-proof"}}, {"headers": {"Accept": "text/plain"}}])
def test_a_receipt_is_a_file_to_keep(
    deployment: Deployment, client: FlaskClient, trust: ReaderTrust, how: dict[str, Any]
) -> None:
    answered(deployment, "q1")
    how = {**how, "headers": {**how.get("headers", {}), **headers(deployment)}}
    found = client.get("/v1/receipts/q1", **how)
    assert found.mimetype == "text/plain"
    assert found.headers["Content-Disposition"] == 'attachment; filename="halden-5.tlog-proof"'
    assert verify_receipt(found.text, trust).ok
    assert LogProof.parse(found.text).index == 5


def test_one_event_can_be_asked_for(deployment: Deployment, client: FlaskClient) -> None:
    answered(deployment, "q1")
    found = client.get("/v1/receipts/q1?seq=3", headers=headers(deployment)).get_json()
    assert [one["seq"] for one in found["receipts"]] == [3]
    assert client.get("/v1/receipts/q1?seq=0", headers=headers(deployment)).status_code == 404
    assert client.get("/v1/receipts/q1?format=xml", headers=headers(deployment)).status_code == 422


def test_another_persons_query_is_as_unknown_as_one_that_never_was(deployment: Deployment, client: FlaskClient) -> None:
    answered(deployment, "q1")
    theirs = client.get("/v1/receipts/q1", headers=headers(deployment, person="bert"))
    never = client.get("/v1/receipts/q9", headers=headers(deployment, person="bert"))
    nobody = client.get("/v1/receipts/q1", headers=headers(deployment, person=None))
    assert theirs.status_code == never.status_code == nobody.status_code == 404
    assert theirs.data == never.data == nobody.data
    assert client.get("/v1/receipts/q1").status_code == 401


def test_an_auditor_gets_any_receipt_of_the_tenant_and_looking_is_recorded(
    deployment: Deployment, client: FlaskClient
) -> None:
    answered(deployment, "q1")
    assert client.get("/v1/receipts/q1", headers=headers(deployment, "auditor")).status_code == 200
    assert deployment.reader.query(TENANT, "q1")[-1].kind == "access.viewed"
    again = client.get("/v1/receipts/q1", headers=headers(deployment)).get_json()
    assert [one["kind"] for one in again["receipts"]] == ["released", "released", "finished"]


def test_an_answer_under_way_has_no_receipt_yet(deployment: Deployment, client: FlaskClient) -> None:
    answered(deployment, "q1", kinds=ANSWER[:3])
    assert client.get("/v1/receipts/q1", headers=headers(deployment)).status_code == 409
    answered(deployment, "q2", kinds=ANSWER[:4])
    assert client.get("/v1/receipts/q2", headers=headers(deployment)).get_json()["complete"] is False


def test_without_a_checkpoint_the_caller_is_told_to_come_back(deployment: Deployment, client: FlaskClient) -> None:
    deployment.checkpoints.close()
    answered(deployment, "q1")
    found = client.get("/v1/receipts/q1", headers=headers(deployment))
    assert (found.status_code, found.headers["Retry-After"]) == (503, "2")


# --- the command line, in processes of its own ---


def run(home: Path, *args: str, code: int = 0) -> subprocess.CompletedProcess[bytes]:
    import os

    environ = {**os.environ, "COUNTERSIGN_HOME": str(home), "COUNTERSIGN_LOG_FILE": str(home.parent / "log")}
    found = subprocess.run([sys.executable, "-m", "app", "audit", *args], capture_output=True, env=environ, timeout=120)
    assert found.returncode == code, (found.stdout, found.stderr)
    return found


@pytest.mark.process
def test_an_export_is_recorded_and_verifies_with_the_printed_key_alone(home: Path, tmp_path: Path) -> None:
    deployment = open_deployment(Settings(home=home))
    answered(deployment, "q1")
    answered(deployment, "q2", person="bert")
    deployment.close()
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


@pytest.mark.process
def test_opening_bodies_needs_a_reason(home: Path) -> None:
    found = run(home, "export", "--bodies", "opened", "--output", "-", code=2)
    assert b"needs --reason" in found.stderr
    assert not home.exists()
