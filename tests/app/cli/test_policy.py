"""`countersign policy` as a compliance desk types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.main import cli
from moderation.policy import DEFAULT_PATH, load_policy

SAMPLES = Path(__file__).parents[3] / "samples" / "policies"
BANK = str(SAMPLES / "retail-bank.yaml")


def countersign(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(cli, ["policy", *arguments], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    assert (done.return_value or 0) == code, done.output
    return done


def test_check_says_what_a_policy_is_made_of() -> None:
    told = countersign("check", BANK).stdout
    assert f"policy retail bank 2026-03 is sound, digest {load_policy(Path(BANK)).digest}" in told
    assert str(DEFAULT_PATH) in told
    assert "tenants: starling-junior, hafen-privat" in told
    found = json.loads(countersign("check", "default", "--json").stdout)
    assert (found["sound"], found["languages"]) == (True, ["en", "de", "fr", "es", "it"])


def test_check_tells_every_problem_for_people_and_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from app.cli.main import main

    path = tmp_path / "bad.yaml"
    path.write_text("extends: default\nversion: a\nrails:\n  topc: {action: block}\n  advice: {action: steal}\n")
    found = json.loads(countersign("check", str(path), "--json", code=2).stdout)
    assert (found["sound"], len(found["problems"])) == (False, 2)
    with pytest.raises(SystemExit) as ended:
        main(["policy", "check", str(path)])
    assert ended.value.code == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in told] == [f"{path}:4", f"{path}:5"]
    assert "did you mean 'topic'?" in told[0]
    assert "did you mean 'steer'?" in told[1]


def test_diff_ends_like_diff_and_fits_a_terminal_of_80_columns() -> None:
    assert countersign("diff", "default", "default").stdout == "no difference\n"
    told = countersign("diff", "default", BANK, code=1).stdout
    assert max(map(len, told.splitlines())) <= 80
    assert "stricter" in told
    assert "for audience staff" in told
    assert "for tenant hafen-privat" in told
    found = json.loads(countersign("diff", "default", BANK, "--tenant", "hafen-privat", "--json", code=1).stdout)
    changes = [(one["kind"], one["what"], one["new"]) for one in found["changes"]]
    assert ("stricter", "advice/personal_advice, action", "block") in changes
    assert not any(one["whose"] for one in found["changes"])


def test_show_says_who_wrote_each_value() -> None:
    told = countersign("show", BANK, "--tenant", "starling-junior", "--audience", "staff").stdout
    assert f"hate: 0.4  # {BANK}:" in told
    found = json.loads(countersign("show", BANK, "--json").stdout)
    assert found["from"]["rails.advice.fail"].startswith(f"{DEFAULT_PATH}:")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "nowhere.yaml"], "'nowhere.yaml' is not a policy file; name one, or `default`"),
        (["show", BANK, "--tenant", "hafen-private"], "did you mean 'hafen-privat'?"),
        (["diff", "default", BANK, "--audience", "staf"], "did you mean 'staff'?"),
        (["explain", "default", "  "], "give a text that says something"),
    ],
)
def test_a_name_that_is_unknown_is_told_with_the_near_one(arguments: list[str], told: str) -> None:
    done = CliRunner().invoke(cli, ["policy", *arguments])
    assert done.exit_code == 2
    assert told in done.stderr
