"""Everything that compares verdicts agrees with the one table of `moderation.severity`."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import combinations, permutations
from typing import Any, get_args

import numpy as np
import pytest

from app.governance.shadow_report import summed
from audit.read.reader import EventView
from moderation.policy import load_policy
from moderation.policy.compare import compare
from moderation.policy.lists import RestrictedList
from moderation.policy_test.bench import worst_of
from moderation.rails import Readings
from moderation.rails.base import Seen
from moderation.rails.restricted import RestrictedRail
from moderation.severity import ACTIONS, OFF, Action, severity
from moderation.types import Allow, Block, Direction, Finding, Redact, Steer, Verdict
from orchestrator.judging.judges import Judged, worst

MILDER_FIRST = list(combinations((OFF, *ACTIONS), 2))


def verdict(action: str, probability: float = 0.9) -> Verdict:
    finding = Finding("restricted", "name", probability, 0.5, "a test")
    match action:
        case "allow":
            return Allow(finding)
        case "redact":
            return Redact(finding, "")
        case "steer":
            return Steer(finding, "")
        case _:
            return Block(finding, "", ())


def event(old: str, new: str) -> EventView:
    difference = {
        "rail": "restricted",
        "direction": "output",
        "in_force": {"verdict": old, "category": "name"},
        "candidate": {"verdict": new, "category": "name"},
    }
    body: dict[str, Any] = {"version": "2", "differences": [difference]}
    labels: dict[str, str | int] = {"candidate": "c", "about": "q"}
    blank = dict.fromkeys(
        ("log", "event_id", "actor", "subject", "trace_id", "span_id", "policy_digest", "model_digest", "leaf", "chain"), ""
    )
    return EventView(
        **blank, seq=0, kind="shadowed", time=datetime.now(UTC), after_us=0, query=None, conversation=None, labels=labels,
        body=body, state="open", intact=True,
    )  # fmt: skip


def test_every_verdict_is_named_by_an_action_and_every_action_has_its_verdict() -> None:
    assert {one.name for one in get_args(Verdict)} == set(ACTIONS)


def test_the_order_is_allow_redact_steer_block_above_a_rail_that_is_off() -> None:
    assert sorted(("block", "allow", OFF, "steer", "redact"), key=severity) == [OFF, "allow", "redact", "steer", "block"]


@pytest.mark.parametrize("actions", permutations(ACTIONS, 2))
def test_policy_test_and_the_service_let_the_same_verdict_decide(actions: tuple[Action, Action]) -> None:
    severest = max(actions, key=severity)
    verdicts = [verdict(action, 0.6 if action == severest else 0.99) for action in actions]
    decided = worst_of(verdicts)
    assert decided is not None
    assert decided.name == severest
    assert worst([Judged(Direction.OUTPUT, 0, one, 0.0) for one in verdicts]).name == severest


@pytest.mark.parametrize("actions", permutations(ACTIONS, 2))
def test_of_two_restricted_lists_the_severer_decides(actions: tuple[Action, Action]) -> None:
    rules = load_policy().rails["restricted"]
    lists = tuple(RestrictedList(name=action, names=(f"{action}corp",), action=action) for action in actions)
    rail = RestrictedRail(rules, lists, Readings())
    text = " and ".join(f"{action}corp" for action in actions)
    seen = Seen(Direction.OUTPUT, text, np.zeros(384, np.float32))
    assert rail.judge(seen).name == max(actions, key=severity)


@pytest.mark.parametrize(("milder", "stricter"), MILDER_FIRST)
def test_policy_diff_calls_the_severer_action_stricter(milder: str, stricter: str) -> None:
    def change(old: str, new: str) -> str:
        before, after = (_restricting(action) for action in (old, new))
        return next(one.kind for one in compare(before, after) if one.what.startswith("restricted, action"))

    assert (change(milder, stricter), change(stricter, milder)) == ("stricter", "looser")


@pytest.mark.parametrize(("milder", "stricter"), MILDER_FIRST)
def test_the_shadow_report_calls_the_severer_verdict_stricter(milder: str, stricter: str) -> None:
    def effect(old: str, new: str) -> str:
        report = summed([event(old, new)])
        assert report is not None
        return report.lines[0].effect

    expected = ("would block", "would pass") if stricter == "block" else ("stricter", "milder")
    assert (effect(milder, stricter), effect(stricter, milder)) == expected


def _restricting(action: str) -> Any:
    policy = load_policy()
    rules = policy.rails["restricted"]
    made = rules.model_copy(update={"enabled": False} if action == OFF else {"action": action})
    return policy.model_copy(update={"rails": {**policy.rails, "restricted": made}})
