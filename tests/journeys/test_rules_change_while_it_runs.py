"""The rules change under a running service: its policy file, by itself and on SIGHUP; its switches, from another process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import POLICY, Deployment
from tests.support.waiting import eventually

pytestmark = [pytest.mark.models, pytest.mark.process]
QUESTION = "What is the dealing cut-off time?"
LONG_S = 60.0


@pytest.fixture
def policy_file(deployment: Deployment) -> Iterator[Path]:
    path = deployment.home.parent / "policy.yaml"
    yield path
    path.write_text(POLICY, "utf-8")
    eventually(lambda: standing(deployment)["version"] == "of the journeys", LONG_S)


def standing(deployment: Deployment) -> dict[str, Any]:
    with deployment.client() as client:
        found: dict[str, Any] = client.get("/readyz").json()["policies"]["in force"]
        return found


def test_a_changed_policy_file_judges_the_next_question_and_a_broken_one_does_not(
    deployment: Deployment, policy_file: Path
) -> None:
    assert deployment.chat(QUESTION)["outcome"] == "answered"
    policy_file.write_text(POLICY.replace("journeys", "strict") + "rails: {toxicity: {thresholds: {hate: 0.5}}}\n", "utf-8")
    eventually(lambda: standing(deployment)["version"] == "of the strict", LONG_S)
    digest = standing(deployment)["digest"]
    query = deployment.chat(QUESTION)["query_id"]
    with deployment.client(deployment.admin) as client:
        events = client.get(f"/v1/audit/queries/{query}", params={"reason": "test"}).json()["events"]
    assert {e["policy_digest"] for e in events if "." not in e["kind"]} == {digest}
    policy_file.write_text(POLICY + "rails: {toxicty: {action: allow}}\n", "utf-8")
    deployment.process.send_signal(signal.SIGHUP)
    eventually(lambda: standing(deployment)["rejected"].startswith(f"{policy_file}:3: "), LONG_S)
    assert "toxicity" in standing(deployment)["rejected"], "the near name is suggested"
    assert standing(deployment)["digest"] == digest
    assert deployment.chat(QUESTION)["outcome"] == "answered"
    assert deployment.process.poll() is None, "SIGHUP ended the service"


def test_a_switch_thrown_at_a_terminal_is_obeyed_by_the_running_service(deployment: Deployment) -> None:
    done = deployment.run("switch", "off", "--bot", "rag", "--tenant", "halden", "--reason", "case 41")
    assert done.returncode == 0, done.stderr
    try:
        eventually(lambda: deployment.chat(QUESTION)["outcome"] == "refused", LONG_S)
        refused = deployment.chat(QUESTION)
        assert refused["refusal"]["rail"] == "switch"
        assert "paused" in refused["refusal"]["message"]
        told = {c["bot"]: c["reason"] for c in refused["route"]["candidates"]}
        assert told["rag"] == "switched off", "why is between whoever did it and the record"
        with deployment.client(deployment.admin) as client:
            path = f"/v1/audit/queries/{refused['query_id']}"
            events = client.get(path, params={"reason": "test"}).json()["events"]
        (routed,) = [e["body"] for e in events if e["kind"] == "routed"]
        assert {c["bot"]: c["reason"] for c in routed["candidates"]}["rag"] == "switched off: case 41"
    finally:
        done = deployment.run("switch", "on", "--bot", "rag", "--tenant", "halden", "--reason", "case 41 is closed")
    assert done.returncode == 0, done.stderr
    eventually(lambda: deployment.chat(QUESTION)["outcome"] == "answered", LONG_S)
    assert deployment.run("switch", "list", "--json").stdout == ""
