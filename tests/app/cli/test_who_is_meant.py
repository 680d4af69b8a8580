"""Whom `audit erase`, `hold` and `export` mean. The kinds of fault that must not come back: a command that misses what is
recorded of a person and ends as if it had not; and an erasure that takes along who looked into the log."""

from __future__ import annotations

import hashlib
import hmac
import json
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.main import cli
from app.identity.subjects import KeyItself, person
from app.settings import Settings
from app.wiring.deployment import Deployment, open_deployment
from app.wiring.key_material import key_encryption_key, pepper
from audit.errors import RetentionRefused
from audit.format.events import Entry
from audit.kinds import VIEWED
from audit.retention.state import KINDS, Rule
from tests.support.events import step

Command = Callable[..., Result]


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path / "var"))
    monkeypatch.delenv("COUNTERSIGN_ADMIN_KEY", raising=False)
    deployment = open_deployment(Settings())
    yield deployment
    deployment.close()


@pytest.fixture
def countersign(deployment: Deployment) -> Command:
    def run(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(cli, ["audit", *arguments], env=environment, standalone_mode=False)

    return run


def earlier(deployment: Deployment, name: str) -> str:
    """The subject under which an earlier release recorded whatever name it was given."""
    text = f"halden\x1f{name}".encode()
    keyed = pepper(key_encryption_key(deployment.settings))
    return f"s_{hmac.new(keyed, text, hashlib.sha256).hexdigest()[:32]}"


def misread(name: str) -> str:
    return name.encode().decode("latin-1")


def asked(deployment: Deployment, query: str, subject: str) -> None:
    for kind in ("received", "redacted", "finished"):
        deployment.audit.append("halden", step(kind, query, subject, conversation="c_1")).wait()


def looked(deployment: Deployment, subject: str, actor: str = "key:0f3c") -> None:
    """As an earlier release recorded it; this one would refuse such an event in a test."""
    deployment.audit.strict = False
    entry = Entry(VIEWED, "q_looked_at", None, actor, subject, body={"reason": "case 12"})
    deployment.audit.append("halden", entry).wait()


def states(deployment: Deployment, query: str) -> set[str]:
    return {event.state for event in deployment.reader.query("halden", query)}


def text(result: Result) -> str:
    return " ".join(result.output.split())


def test_an_erasure_finds_a_person_under_every_spelling_of_this_and_of_earlier_releases(
    deployment: Deployment, countersign: Command
) -> None:
    asked(deployment, "q_other", deployment.keys.pseudonym("halden", person("somebody else", "header")))
    for at, name in enumerate(("Renée", "Nguyễn Thị Ánh", "김철수", "plain")):
        apart = unicodedata.normalize("NFD", name)
        subjects = [
            deployment.keys.pseudonym("halden", person(name, "header")),
            *(earlier(deployment, one) for one in (name, apart, misread(name), misread(apart))),
        ]
        for number, subject in enumerate(subjects):
            asked(deployment, f"q_{at}_{number}", subject)
        done = countersign("erase", apart, "--reason", "letter of 3 May")
        assert done.return_value is None, done.output
        assert "15 events can never be read again" in text(done)
        assert [states(deployment, f"q_{at}_{number}") for number in range(5)] == [{"erased"}] * 5
        assert states(deployment, "q_other") == {"open"}


def test_blanks_around_a_name_of_an_earlier_release_are_found_where_they_are_typed(
    deployment: Deployment, countersign: Command
) -> None:
    asked(deployment, "q_1", earlier(deployment, " alice "))
    assert countersign("erase", "alice", "--reason", "letter").return_value == 1
    assert countersign("erase", " alice ", "--reason", "letter").return_value is None
    assert states(deployment, "q_1") == {"erased"}


@pytest.mark.parametrize("held", ["Renée", misread("Renée"), "Rene\u0301e"])
def test_what_holds_a_person_under_one_spelling_keeps_them_under_all(
    deployment: Deployment, countersign: Command, held: str
) -> None:
    """A hold of an earlier release, which knew one spelling, and one of today, which covers all."""
    both = [deployment.keys.pseudonym("halden", person("Renée", "user")), earlier(deployment, misread("Renée"))]
    for number, subject in enumerate(both):
        asked(deployment, f"q_{number}", subject)
    old = deployment.retention.place_hold("halden", "terminal", earlier(deployment, held), "case 12", "court order")
    assert countersign("erase", "Renée", "--reason", "letter").return_value == 1
    deployment.retention.lift_hold("halden", "terminal", old.id, "settled")
    placed = countersign("hold", "place", "Renée", "--matter", "case 13", "--reason", "order").stdout.strip()
    refused = [deployment.retention.request_erasure("halden", "terminal", one, "letter") for one in both]
    assert [one.ground.kind if one.ground else None for one in refused] == ["hold", "hold"]
    assert [states(deployment, f"q_{number}") for number in (0, 1)] == [{"open"}, {"open"}]
    countersign("hold", "lift", placed, "--reason", "settled")
    assert countersign("erase", "Renée", "--reason", "letter").return_value is None
    assert [states(deployment, f"q_{number}") for number in (0, 1)] == [{"erased"}, {"erased"}]


def test_retention_counts_from_the_last_event_of_the_person_under_any_spelling(deployment: Deployment) -> None:
    """Both keys or none: the younger record keeps the older one too."""
    first, second = earlier(deployment, misread("Renée")), deployment.keys.pseudonym("halden", person("Renée", "user"))
    asked(deployment, "q_old", first)
    asked(deployment, "q_new", second)
    deployment.retention.set_retention("halden", "terminal", Rule("communications", 30), "rule book")
    refused = deployment.retention.request_erasure("halden", "terminal", first, "letter", also=[second])
    assert refused.ground is not None
    assert refused.ground.until is not None
    newest = max(event.time for event in deployment.reader.query("halden", "q_new"))
    assert refused.ground.until == newest + timedelta(days=30)


def test_of_several_administrators_all_agree_to_all_spellings_at_once(deployment: Deployment, countersign: Command) -> None:
    two = {"COUNTERSIGN_ERASURE_PERSONS": "2"}
    keys = [deployment.keys.create("halden", "administrator", "desk", ()) for _ in range(2)]
    asked(deployment, "q_0", earlier(deployment, misread("Renée")))
    asked(deployment, "q_1", earlier(deployment, "Renée"))
    done = countersign("erase", "Renée", "--reason", "letter", "--key", keys[0], "--json", **two)
    request = json.loads(done.stdout)
    former = earlier(deployment, misread("Renée"))
    assert request["state"] == "waiting"
    assert former in request["also"]
    again = countersign("erase", former, "--reason", "letter", "--key", keys[0], **two)
    assert "waits already" in str(again.exception)
    countersign("erase", "--approve", request["id"], "--key", keys[1], **two)
    assert states(deployment, "q_0") == states(deployment, "q_1") == {"erased"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["erase", "--reason", "letter"],
        ["hold", "place", "--matter", "case", "--reason", "order"],
        ["export", "--output", "FILE", "--subject"],
    ],
    ids=["erase", "hold", "export"],
)
def test_of_whom_nothing_is_recorded_is_said_and_exit_code_1_and_who_is_nobody_is_wrong_input(
    deployment: Deployment, countersign: Command, tmp_path: Path, arguments: list[str]
) -> None:
    asked(deployment, "q_1", deployment.keys.pseudonym("halden", person("anna", "header")))
    path = tmp_path / "out.jsonl"
    command = [one.replace("FILE", str(path)) for one in arguments]
    for named in ("nobody", "Anna", "key:0f3c", "person:key:0f3c", "staff:key:1", "s_" + "0" * 32):
        done = countersign(*command, named)
        assert done.return_value == 1, done.output
        assert f"nothing is recorded of '{named}'" in text(done)
    for named in ("", " ", "person:", "key:", "a\u200bb", "\udcff"):
        error = countersign(*command, named).exception
        assert getattr(error, "exit_code", None) == 2, named
        assert "SUBJECT" in str(error)
    assert deployment.reader.of_kinds("halden", KINDS) == []
    assert not path.exists()


def test_a_hold_may_be_placed_before_anything_is_recorded(deployment: Deployment, countersign: Command) -> None:
    placed = countersign("hold", "place", "Renée", "--ahead", "--matter", "case", "--reason", "order")
    assert placed.return_value is None, placed.output
    asked(deployment, "q_1", deployment.keys.pseudonym("halden", person("Renée", "header")))
    assert countersign("erase", "Renée", "--reason", "letter").return_value == 1
    assert states(deployment, "q_1") == {"open"}


def test_an_export_takes_one_pseudonym_and_names_the_others(
    deployment: Deployment, countersign: Command, tmp_path: Path
) -> None:
    subjects = [earlier(deployment, "Renée"), earlier(deployment, misread("Renée"))]
    for number, subject in enumerate(subjects):
        asked(deployment, f"q_{number}", subject)
    several = countersign("export", "--subject", "Renée", "--output", str(tmp_path / "all.jsonl"))
    assert several.return_value == 1
    assert all(subject in text(several) for subject in subjects)
    for number, subject in enumerate(subjects):
        path = tmp_path / f"{number}.jsonl"
        assert countersign("export", "--subject", subject, "--output", str(path)).return_value is None
        assert sum('"line":"event"' in line for line in path.read_text("utf-8").splitlines()) == 3


# --- who looked


def test_an_erasure_never_takes_along_who_looked(deployment: Deployment, countersign: Command) -> None:
    """Under today's subject as under those of earlier releases, however it is named."""
    old, own = earlier(deployment, "key:0f3c"), "staff:key:0f3c"
    looked(deployment, old)
    looked(deployment, own)
    looked(deployment, earlier(deployment, "terminal"), "terminal")
    asked(deployment, "q_1", old)  # an administrator's key that asked, too
    for named in ("key:0f3c", old, own, earlier(deployment, "terminal"), "staff:key:0f3c"):
        done = countersign("erase", named, "--reason", "cleanup of old data")
        assert done.return_value == 1 or "stays readable" in str(done.exception), done.output
    for named in ("terminal", "person:key:0f3c", "person:terminal"):
        assert countersign("erase", named, "--reason", "cleanup").return_value == 1
    assert states(deployment, "q_looked_at") == states(deployment, "q_1") == {"open"}
    ends = [one.ground.kind for one in deployment.retention.state("halden").erasures.values() if one.ground]
    assert set(ends) == {"access"}


def test_two_who_agree_cannot_erase_it_either_and_it_is_never_due(deployment: Deployment) -> None:
    old = earlier(deployment, "key:0f3c")
    looked(deployment, old)
    looked(deployment, "staff:key:0f3c")
    keeping = deployment.retention
    request = keeping.request_erasure("halden", "key:1", old, "cleanup", needs=2)
    assert (request.state, request.ground and request.ground.kind) == ("refused", "access")
    with pytest.raises(RetentionRefused):
        keeping.approve_erasure("halden", "key:2", request.id)
    keeping.set_retention("halden", "key:1", Rule("*", 1), "rule book")
    assert list(keeping.due("halden", datetime.now(UTC) + timedelta(days=900))) == []
    assert states(deployment, "q_looked_at") == {"open"}


def test_what_a_key_asked_and_named_nobody_can_be_erased(deployment: Deployment, countersign: Command) -> None:
    asked(deployment, "q_1", deployment.keys.pseudonym("halden", KeyItself("0f3c")))
    assert countersign("erase", "key:0f3c", "--reason", "letter").return_value is None
    assert states(deployment, "q_1") == {"erased"}
