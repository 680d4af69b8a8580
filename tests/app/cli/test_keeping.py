"""`countersign audit hold|retention|erase` on a real database: what a compliance desk types, and what it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.main import cli
from app.identity.subjects import Person
from app.settings import Settings
from app.wiring.deployment import Deployment, open_deployment
from audit.kinds import SEARCHED
from orchestrator.errors import ConversationUnknown
from orchestrator.types import Turn
from tests.support.events import step

Command = Callable[..., Result]
PERSON = "customer 4711"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path / "var"))
    monkeypatch.delenv("COUNTERSIGN_ADMIN_KEY", raising=False)
    return tmp_path / "var"


@pytest.fixture
def deployment(home: Path) -> Iterator[Deployment]:
    """A deployment in which the person asked something; another process, as far as the commands are concerned."""
    deployment = open_deployment(Settings())
    subject = deployment.keys.pseudonym("halden", Person(PERSON))
    texts = {"redacted": {"question": "about <PERSON_1>"}, "released": {"text": "an answer"}}
    for kind in ("received", "redacted", "released", "finished"):
        deployment.audit.append("halden", step(kind, "q_1", subject, conversation="c_1", body=texts.get(kind))).wait()
    deployment.memory.save_pseudonyms("halden", subject, "c_1", b"what the tags stand for")
    deployment.memory.save_turn("halden", subject, "c_1", "q_1", Turn("about <PERSON_1>", "an answer"), "answered")
    yield deployment
    deployment.close()


@pytest.fixture
def countersign(deployment: Deployment) -> Command:
    def run(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(cli, ["audit", *arguments], env=environment, standalone_mode=False)

    return run


def text(result: Result) -> str:
    return " ".join(result.output.split())


def documents(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def states(deployment: Deployment) -> set[str]:
    return {event.state for event in deployment.reader.query("halden", "q_1")}


def test_erasing_a_person_makes_records_and_conversation_unreadable_in_the_running_service(
    deployment: Deployment, countersign: Command
) -> None:
    subject = deployment.keys.pseudonym("halden", Person(PERSON))
    assert deployment.memory.load("halden", subject, "c_1")[0] == b"what the tags stand for"
    done = countersign("erase", PERSON, "--reason", "letter of 3 May")
    assert done.return_value is None, done.output
    assert "4 events can never be read again" in text(done)
    assert states(deployment) == {"erased"}
    with pytest.raises(ConversationUnknown, match="erased"):
        deployment.memory.load("halden", subject, "c_1")


def test_the_person_s_name_is_nowhere_on_disk(home: Path, countersign: Command) -> None:
    countersign("hold", "place", PERSON, "--matter", "case 12", "--reason", "order")
    countersign("erase", PERSON, "--reason", "letter of 3 May")
    files = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert files
    assert not any(PERSON.encode() in content for content in files)


def test_a_hold_refuses_and_its_lifting_frees(deployment: Deployment, countersign: Command) -> None:
    hold = countersign("hold", "place", PERSON, "--matter", "case 12", "--reason", "order").stdout.strip()
    refused = countersign("erase", deployment.keys.pseudonym("halden", Person(PERSON)), "--reason", "letter")
    assert refused.return_value == 1
    assert "case 12" in text(refused)
    assert [one["matter"] for one in documents(countersign("hold", "list", "--json"))] == ["case 12"]
    countersign("hold", "lift", hold, "--reason", "settled")
    assert "none" in text(countersign("hold", "list"))
    assert countersign("erase", PERSON, "--reason", "letter").return_value is None
    ended = [(one["state"], (one["ground"] or {}).get("kind")) for one in documents(countersign("erasures", "--json"))]
    assert ended == [("refused", "hold"), ("done", None)]


def test_retention_of_six_years_refuses_and_says_until_when(deployment: Deployment, countersign: Command) -> None:
    countersign("retention", "set", "communications", "--years", "6", "--reason", "rule book")
    assert documents(countersign("retention", "list", "--json")) == [{"kind": "communications", "days": 2192}]
    refused = countersign("erase", PERSON, "--reason", "letter")
    assert refused.return_value == 1
    assert "communications are kept for 2192 days" in text(refused)
    assert states(deployment) == {"open"}
    countersign("retention", "set", "communications", "--days", "0", "--reason", "rule book changed")
    assert [one["events"] for one in documents(countersign("retention", "due", "--json"))] == [4]


def test_two_administrators_with_keys_of_their_own_must_agree_where_settings_say_so(
    deployment: Deployment, countersign: Command
) -> None:
    two = {"COUNTERSIGN_ERASURE_PERSONS": "2"}
    first, second = (deployment.keys.create("halden", "administrator", "desk", ()) for _ in range(2))
    caller = deployment.keys.create("halden", "caller", "portal", ())
    assert "--key" in str(countersign("erase", PERSON, "--reason", "letter", **two).exception)
    assert "administrator" in str(countersign("erase", PERSON, "--reason", "r", "--key", caller, **two).exception)
    asked = documents(countersign("erase", PERSON, "--reason", "letter", "--key", first, "--json", **two))[0]
    assert (asked["state"], states(deployment)) == ("waiting", {"open"})
    again = countersign("erase", "--approve", asked["id"], "--key", first, **two)
    assert "another person" in str(again.exception)
    assert "erased" in text(countersign("erase", "--approve", asked["id"], "--key", second, **two))
    assert states(deployment) == {"erased"}


def test_looking_at_the_lists_is_recorded(deployment: Deployment, countersign: Command) -> None:
    for command in (["hold", "list"], ["retention", "list"], ["erasures"]):
        countersign(*command)
    looks = deployment.reader.of_kinds("halden", [SEARCHED])
    assert [one.body for one in looks] == [{"filters": {"list": what}} for what in ("holds", "retention", "erasures")]


@pytest.mark.parametrize(
    "arguments",
    [
        ["erase"], ["erase", PERSON], ["erase", PERSON, "--reason", "r", "--approve", "e_1"],
        ["hold", "place", "--matter", "m", "--reason", "r"],
        ["hold", "place", PERSON, "--everybody", "--matter", "m", "--reason", "r"],
        ["hold", "lift", "h_unknown", "--reason", "r"],
        ["retention", "set", "*", "--reason", "r"],
        ["erase", "--approve", "e_unknown"],
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_and_changes_nothing(
    deployment: Deployment, countersign: Command, arguments: list[str]
) -> None:
    assert countersign(*arguments).exception is not None
    assert states(deployment) == {"open"}


def test_a_key_store_inside_the_log_s_database_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_KEYS_DATABASE_URL", Settings().url)
    with pytest.raises(ValueError, match="bring erased content back"):
        Settings()
