"""Kill switches: thrown in one place, obeyed in every replica; recorded; and never by somebody who may not."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from app.cli.main import cli
from app.governance.kill_switches import STALE_S, Switch, SwitchBoard, Switches, SwitchRefused
from app.serving.application import create_app
from audit.errors import AuditUnavailable
from audit.kinds import SWITCH_OFF, SWITCH_ON
from orchestrator.bots.onprem import OnPremBot
from tests.audit.conftest import postgres_url  # noqa: F401  (a fixture)
from tests.support.evidence import open_book
from tests.support.in_force import Site, a_site
from tests.support.running_deployment import LONG_S, ScriptedModel, answer_of, refusals, text_of
from tests.support.waiting import eventually


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with a_site(tmp_path / "home") as found:
        found.deployment.keys.create("halden", "caller", "portal", ("public",))
        found.deployment.keys.create("harbour", "caller", "portal", ("public",))
        yield found


@pytest.mark.postgres
def test_a_switch_thrown_in_one_replica_stops_the_other_in_the_middle_of_an_answer(
    tmp_path: Path,
    postgres_url: str,  # noqa: F811
) -> None:
    never = threading.Event()
    model = ScriptedModel(["The first sentence is said here and it is whole. ", "And more. ", never, "Never said."])
    with (
        a_site(tmp_path / "home", url=postgres_url) as here,
        a_site(tmp_path / "home", OnPremBot(model, open_book), url=postgres_url) as there,
    ):
        query = there.query()
        going = there.answer(query)
        out = [next(going), next(going)]
        here.deployment.switches.turn_off("", "onprem", "case 12", "terminal")
        assert model.closed.wait(LONG_S), "the other replica goes on"
        out += list(going)
        assert refusals(out)[0].rail == "switch"
        assert "Never" not in text_of(out)
        assert [e.kind for e in here.deployment.reader.query("halden", query.id)][-3:] == ["stopped", "withheld", "finished"]
        assert answer_of(here.ask(tenant="halden")[1]).outcome == "refused", "the thrower obeys too"
        here.deployment.switches.turn_on("", "onprem", "case 12 is closed", "terminal")
        never.set()
        eventually(lambda: answer_of(there.ask()[1]).outcome == "answered")


def test_who_threw_what_and_why_is_in_the_logs_that_it_concerns(site: Site) -> None:
    switches = site.deployment.switches
    switches.turn_off("harbour", "", "key leaked", "key:9")
    switches.turn_off("", "rag", "wrong documents", "terminal")
    switches.turn_on("", "rag", "mended", "terminal")
    told = {t: [(e.kind, e.actor, e.body["reason"]) for e in _switched(site, t)] for t in ("halden", "harbour")}
    everybody = [("switch.off", "terminal", "wrong documents"), ("switch.on", "terminal", "mended")]
    assert told == {"halden": everybody, "harbour": [("switch.off", "key:9", "key leaked"), *everybody]}
    assert [(one.tenant, one.bot, one.reason) for one in switches.off()] == [("harbour", "", "key leaked")]


def _switched(site: Site, tenant: str) -> list[object]:
    return site.deployment.reader.of_kinds(tenant, (SWITCH_OFF, SWITCH_ON))  # type: ignore[return-value]


def test_a_tenant_is_off_while_another_is_answered(site: Site) -> None:
    site.deployment.switches.turn_off("harbour", "", "key leaked", "key:9")
    eventually(lambda: answer_of(site.ask(tenant="harbour")[1]).outcome == "refused")
    assert answer_of(site.ask(tenant="halden")[1]).outcome == "answered"


@pytest.mark.parametrize(
    ("tenant", "bot", "reason", "says"),
    [
        ("", "", "why", "name a bot, a tenant, or both"),
        ("", "rga", "why", "bot 'rga' is unknown; bots: api, onprem, rag"),
        ("nobody", "", "why", "no key belongs to tenant 'nobody'"),
        ("halden", "", " \n ", "a reason is needed"),
        ("halden", "", "x" * 501, "a reason is needed"),
    ],
)
def test_a_switch_that_means_nothing_is_refused_with_what_would(
    site: Site, tenant: str, bot: str, reason: str, says: str
) -> None:
    with pytest.raises(SwitchRefused, match=re.escape(says)):
        site.deployment.switches.turn_off(tenant, bot, reason, "terminal")
    assert site.deployment.switches.off() == []


def test_what_is_not_off_cannot_be_turned_on(site: Site) -> None:
    site.deployment.switches.turn_off("", "rag", "case 1", "terminal")
    with pytest.raises(SwitchRefused, match="not switched off"):
        site.deployment.switches.turn_on("halden", "rag", "case 2", "terminal")


def test_without_a_log_a_switch_still_turns_off_but_nothing_comes_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    switches = site.deployment.switches
    switches.turn_off("", "api", "case 1", "terminal")

    def closed(*_: object) -> None:
        raise AuditUnavailable("the log cannot be written")

    monkeypatch.setattr(site.deployment.audit, "append", closed)
    with pytest.raises(AuditUnavailable):
        switches.turn_off("", "rag", "case 2", "terminal")
    with pytest.raises(AuditUnavailable):
        switches.turn_on("", "api", "case 1 is closed", "terminal")
    assert {one.bot for one in switches.off()} == {"api", "rag"}


def test_a_board_that_cannot_read_keeps_what_it_knew_and_in_the_end_lets_nobody_through(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    switches = site.deployment.switches
    switches.turn_off("", "rag", "case 1", "terminal")
    board = SwitchBoard(switches)
    board.read()

    def broken(self: Switches) -> list[Switch]:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(Switches, "off", broken)
    with pytest.raises(OperationalError):
        board.read()
    assert (board.why_off("halden", "rag"), board.why_off("halden", "onprem")) == ("case 1", None)
    board._read_at -= STALE_S + 1
    assert board.why_off("halden", "onprem") == "it cannot be read which parts are switched off"


def test_the_board_reads_again_after_the_database_was_away(site: Site) -> None:
    fails = threading.Event()
    board = site.board
    assert board is not None

    def refuse(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "kill_switch" in statement:
            fails.set()
            raise OperationalError(statement, {}, Exception("gone"))

    engine = board._switches._engine
    event.listen(engine, "before_cursor_execute", refuse)
    assert fails.wait(LONG_S)
    event.remove(engine, "before_cursor_execute", refuse)
    site.deployment.switches.turn_off("halden", "", "case 3", "terminal")
    eventually(lambda: board.why_off("halden") == "case 3")


# --- the command and the page ---------------------------------------------------------------------


def test_the_command_turns_off_lists_and_turns_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_HOME", str(site.deployment.settings.home))
    runner = CliRunner()

    def run(*arguments: str) -> str:
        done = runner.invoke(cli, ["switch", *arguments])
        structlog.reset_defaults()  # the command had set the logs to a stream that ends with it
        assert done.exit_code == 0, done.output
        return done.stdout

    run("off", "--bot", "rag", "--tenant", "harbour", "--reason", "case 4")
    assert '"tenant": "harbour", "bot": "rag", "reason": "case 4", "by": "terminal"' in run("list", "--json")
    run("on", "--bot", "rag", "--tenant", "harbour", "--reason", "closed")
    assert run("list", "--json") == ""


def _signed_in(site: Site, role: str, tenant: str = "halden") -> FlaskClient:
    client = create_app(site.service).test_client()
    key = site.deployment.keys.create(tenant, role, role, ("public",))  # type: ignore[arg-type]
    token = _token(client.get("/review/sign-in").text)
    assert client.post("/review/sign-in", data={"key": key, "csrf_token": token}).status_code == 303
    return client


def _token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


def test_an_administrator_throws_the_switches_of_her_own_tenant_on_the_page(site: Site) -> None:
    site.deployment.switches.turn_off("", "api", "for everybody", "terminal")
    site.deployment.switches.turn_off("harbour", "", "a neighbour's secret", "terminal")
    client = _signed_in(site, "administrator")
    page = client.get("/review/switches").text
    assert "for everybody" in page
    assert "neighbour" not in page
    form = {"csrf_token": _token(page), "turn": "off", "bot": "onprem", "reason": "case <5>", "tenant": "harbour"}
    assert client.post("/review/switches", data=form).status_code == 303
    (thrown,) = [one for one in site.deployment.switches.off() if one.bot == "onprem"]
    assert (thrown.tenant, thrown.reason) == ("halden", "case <5>"), "a form reached another tenant"
    page = client.get("/review/switches").text
    assert "case &lt;5&gt;" in page
    assert client.post("/review/switches", data={**form, "turn": "on", "reason": "closed"}).status_code == 303
    assert [one.bot for one in site.deployment.switches.off()] == ["api", ""]
    assert [e.actor for e in _switched(site, "halden")][-1] == thrown.actor  # type: ignore[attr-defined]


def test_a_form_without_a_reason_or_without_our_token_throws_nothing(site: Site) -> None:
    client = _signed_in(site, "administrator")
    token = _token(client.get("/review/switches").text)
    assert client.post("/review/switches", data={"csrf_token": token, "bot": "rag", "reason": " "}).status_code == 422
    assert client.post("/review/switches", data={"csrf_token": "x", "bot": "rag", "reason": "y"}).status_code == 400
    assert site.deployment.switches.off() == []


def test_an_auditor_sees_the_switches_and_throws_none(site: Site) -> None:
    client = _signed_in(site, "auditor")
    page = client.get("/review/switches").text
    assert "Switched off now" in page
    assert "s-reason" not in page
    form = {"csrf_token": _token(page), "turn": "off", "bot": "rag", "reason": "case 6"}
    assert client.post("/review/switches", data=form).status_code == 403
    assert site.deployment.switches.off() == []


def test_without_a_key_the_page_is_not_shown(site: Site) -> None:
    client = create_app(site.service).test_client()
    assert client.get("/review/switches").status_code == 302
    assert client.post("/review/switches", data={"bot": "rag", "reason": "x"}).status_code == 303
    assert site.deployment.switches.off() == []
