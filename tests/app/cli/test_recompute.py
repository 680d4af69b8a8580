"""`countersign audit recompute`: what a reviewer is told, and the exit code that a script sees."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.main import cli
from app.settings import Settings
from app.wiring.deployment import Deployment, open_deployment
from tests.app.console.test_answer_view import QUOTE, RESULT, WORKED, figure
from tests.support.events import step

Recompute = Callable[..., Result]


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path / "var"))
    opened = open_deployment(Settings())
    yield opened
    opened.close()


@pytest.fixture
def recompute(deployment: Deployment) -> Recompute:
    """Records an answer that was made so, and computes it again."""

    def run(body: dict[str, Any], *options: str) -> Result:
        for kind, told in (("received", {}), ("generated", body), ("cited", QUOTE)):
            deployment.audit.append("halden", step(kind, "q_1", "s_1", body=told)).wait()
        return CliRunner().invoke(cli, ["audit", "recompute", "q_1", *options])

    return run


def test_a_figure_that_comes_out_the_same_is_said_to_with_its_computation(recompute: Recompute) -> None:
    result = recompute(WORKED)
    assert result.exit_code == 0, result.output
    assert "A − B: 2,807 − 2,790 = 17" in result.output
    assert "the same: 17" in result.output


def test_a_figure_that_comes_out_otherwise_ends_in_exit_code_1(recompute: Recompute) -> None:
    result = recompute({**WORKED, "figures": [figure("18", cells=RESULT["cells"]), *WORKED["figures"][1:]]}, "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["same"], told["recorded"], told["again"]) == (False, "18", ["17"])


def test_a_record_that_does_not_say_how_it_was_computed_ends_in_exit_code_1(recompute: Recompute) -> None:
    result = recompute({**WORKED, "plan": {"plan": "change(revenue)"}})
    assert result.exit_code == 1
    assert "does not say by which operation" in result.output


def test_figures_that_are_cells_need_no_computation(recompute: Recompute) -> None:
    result = recompute({**WORKED, "plan": {"plan": "look_up(revenue)"}, "figures": [figure("2807")]})
    assert result.exit_code == 0
    assert "nothing was computed" in result.output


@pytest.mark.parametrize("model", ["quoted", "withheld", "smollm2"])
def test_an_answer_without_figures_of_codes_own_cannot_be_computed_again(recompute: Recompute, model: str) -> None:
    result = recompute({"bot": "rag", "model": model})
    assert result.exit_code == 1
    assert "no figure of this answer" in result.output


def test_an_unknown_query_is_named(deployment: Deployment) -> None:
    result = CliRunner().invoke(cli, ["audit", "recompute", "q_2"])
    assert result.exit_code == 1
    assert "no query q_2" in result.output


def test_looking_is_recorded_with_its_reason(recompute: Recompute, deployment: Deployment) -> None:
    recompute(WORKED, "--reason", "case 12")
    last = deployment.reader.query("halden", "q_1")[-1]
    assert (last.kind, last.actor, last.body) == ("access.viewed", "terminal", {"reason": "case 12"})


def test_an_erased_answer_says_that_it_cannot_be_read(recompute: Recompute, deployment: Deployment) -> None:
    recompute(WORKED)
    deployment.subjects.destroy("s_1")
    result = CliRunner().invoke(cli, ["audit", "recompute", "q_1"])
    assert result.exit_code == 1
    assert "its content is erased" in " ".join(result.output.split())


def test_a_sum_of_the_questions_own_figures_comes_out_again(recompute: Recompute) -> None:
    own = {"value": "1080", "unit": "number", "scale": 0, "currency": "", "period": "", "cells": []}
    plan = {"plan": "own_sum(12 * 85 + 60)", "computation": {"sums": [{"sum": "12 * 85 + 60", "places": None}]}}
    body = {"bot": "sums", "model": "worked", "chance": 1_000_000, "plan": plan, "figures": [own]}
    result = recompute(body)
    assert result.exit_code == 0, result.output
    assert "the same: 1,080" in result.output


def test_a_sum_that_was_changed_in_the_record_is_told(recompute: Recompute) -> None:
    own = {"value": "1090", "unit": "number", "scale": 0, "currency": "", "period": "", "cells": []}
    plan = {"plan": "own_sum(12 * 85 + 60)", "computation": {"sums": [{"sum": "12 * 85 + 60", "places": None}]}}
    result = recompute({"bot": "sums", "model": "worked", "chance": 1_000_000, "plan": plan, "figures": [own]}, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["again"] == ["1080"]
