"""A new rail is one file and one line of the table; a policy that does not name it goes on as before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from app.cli.main import cli
from moderation.heads.head import Heads
from moderation.policy import RAILS, Policy, PolicyError, load_policy, read_policy
from moderation.policy.catalogue import RailKind
from moderation.policy.compare import compare
from moderation.policy_test.cases import read_cases
from moderation.rails import Rails
from moderation.types import Allow, Direction
from tests.moderation.rails import shouting_rail

NOTHING = np.zeros(384, np.float32)
NAMED = 'extends: default\nversion: "named"\nlanguages: [en]\nrails:\n  shouting: {}\n'


@pytest.fixture(autouse=True)
def line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one line."""
    kind = RailKind(("capitals",), "tests.moderation.rails.shouting_rail", has_default=True)
    monkeypatch.setitem(RAILS, "shouting", kind)  # type: ignore[arg-type]


def written(folder: Path, text: str) -> Path:
    (folder / "bank.yaml").write_text(text, encoding="utf-8")
    return folder / "bank.yaml"


def verdicts(policy: Policy, text: str, heads: Heads) -> dict[str, str]:
    return {one["rail"]: one["verdict"] for one in Rails(policy, heads).explain(text, NOTHING)}


def test_a_policy_that_does_not_name_it_keeps_its_digest_and_does_not_run_it(
    heads: Heads, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = load_policy()
    assert policy.unnamed_rails == ("shouting",)
    assert "shouting" not in Rails(policy, heads).names(Direction.INPUT)
    assert isinstance(Rails(policy, heads).fail("shouting", Direction.INPUT, "a test"), Allow)
    monkeypatch.delitem(RAILS, "shouting")  # type: ignore[arg-type]
    assert load_policy().digest == policy.digest


def test_policy_check_says_that_it_is_off() -> None:
    said = CliRunner().invoke(cli, ["policy", "check", "default"])
    assert said.exit_code == 0
    assert "off, since the policy does not name them: shouting" in said.stdout


def test_a_policy_that_names_it_runs_it_with_the_words_of_its_file(tmp_path: Path, heads: Heads) -> None:
    found = read_policy(written(tmp_path, NAMED))
    assert found.policy.unnamed_rails == ()
    assert found.policy.rails["shouting"].words == shouting_rail.DEFAULT.words
    assert found.origin("rails", "shouting", "words", "message").file == Path(shouting_rail.__file__)
    assert verdicts(found.policy, "GIVE ME MY BALANCE", heads)["shouting"] == "block"
    assert verdicts(found.policy, "What is my balance?", heads)["shouting"] == "allow"


def test_what_the_policy_says_of_it_counts_before_its_default(tmp_path: Path, heads: Heads) -> None:
    policy = load_policy(written(tmp_path, NAMED.replace("{}", "{thresholds: {capitals: 1.0}, fail: allow}")))
    assert verdicts(policy, "GIVE ME MY balance", heads)["shouting"] == "allow"
    assert policy.rails["shouting"].fail == "allow"


def test_a_tenant_may_have_it_where_the_whole_policy_switches_it_off(tmp_path: Path) -> None:
    text = NAMED.replace("{}", "{enabled: false}") + "tenants:\n  harbour: {rails: {shouting: {enabled: true}}}\n"
    policy = load_policy(written(tmp_path, text))
    assert not policy.rails["shouting"].judges(Direction.INPUT)
    assert policy.resolve("harbour").rails["shouting"].judges(Direction.INPUT)


def test_a_language_that_its_words_are_not_written_in_is_told_at_the_policys_own_line(tmp_path: Path) -> None:
    path = written(tmp_path, NAMED.replace("[en]", "[en, de]"))
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    (told,) = caught.value.problems
    assert told.startswith(f"{path}:3: ")
    assert "not translated into 'de'" in told


def test_policy_diff_tells_that_it_comes_and_that_it_goes(tmp_path: Path) -> None:
    without, named = load_policy(), load_policy(written(tmp_path, NAMED))
    come = next(one for one in compare(without, named) if one.what.startswith("shouting"))
    gone = next(one for one in compare(named, without) if one.what.startswith("shouting"))
    assert (come.kind, come.old, come.new) == ("stricter", "off", "block")
    assert (gone.kind, gone.old, gone.new) == ("looser", "block", "off")


def test_cases_may_name_it(tmp_path: Path) -> None:
    policy = load_policy(written(tmp_path, NAMED))
    (tmp_path / "bank.cases.yaml").write_text("must_block:\n  - {text: HELLO, rail: shouting, category: capitals}\n")
    (case,) = read_cases(tmp_path / "bank.cases.yaml", policy)
    assert case.example.rail == "shouting"


def test_every_line_of_the_table_names_a_file_that_builds_its_rail(tmp_path: Path, heads: Heads) -> None:
    policy = load_policy(written(tmp_path, NAMED))
    rails = Rails(policy, heads)
    assert set(rails.names(Direction.INPUT)) | set(rails.names(Direction.OUTPUT)) | {"pii", "restricted"} == set(RAILS)
