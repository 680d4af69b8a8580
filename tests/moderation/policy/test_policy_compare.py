"""What differs between two policies is told by what it means; what is shown reads back as what it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.policy import DEFAULT_PATH, RAILS, Policy, load_policy, read_policy
from moderation.policy.compare import Change, compare
from moderation.policy.show import origins, written_out

Made = Callable[[str], Policy]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A policy that extends the default, with these lines more."""

    def made(lines: str) -> Policy:
        path = tmp_path / "policy.yaml"
        path.write_text(f'extends: default\nversion: "2026.1"\n{lines}', encoding="utf-8")
        return load_policy(path)

    return made


@pytest.mark.parametrize(
    ("lines", "change"),
    [
        ("rails: {toxicity: {thresholds: {hate: 0.5}}}", Change("stricter", "toxicity/hate, threshold", "0.6", "0.5")),
        ("rails: {toxicity: {thresholds: {hate: 0.8}}}", Change("looser", "toxicity/hate, threshold", "0.6", "0.8")),
        (
            "rails: {injection: {thresholds: {injection: {output: 0.95}}}}",
            Change("looser", "injection, threshold (output)", "0.9", "0.95"),
        ),
        ("rails: {topic: {action: block}}", Change("stricter", "topic, action (input)", "steer", "block")),
        ("rails: {topic: {enabled: false}}", Change("looser", "topic, action (input)", "steer", "off")),
        ("rails: {topic: {fail: block}}", Change("stricter", "topic, when it fails", "allow", "block")),
        ("rails: {injection: {fail: allow}}", Change("looser", "injection, when it fails", "block", "allow")),
        ("topic: {similarity: 0.7}", Change("stricter", "topic.similarity", "0.55", "0.7")),
        ("pii: {pseudonymise: [PERSON]}", None),
        ("languages: [en]", Change("changed", "languages", "en, de, fr, es, it", "en")),
    ],
)
def test_a_difference_is_told_by_what_it_means(made: Made, lines: str, change: Change | None) -> None:
    found = compare(load_policy(), made(lines))
    if change is None:
        (one,) = found
        assert (one.kind, one.what, one.new) == ("looser", "pii.pseudonymise", "")
        assert "IBAN_CODE" in one.old
    else:
        assert found == [change]


def test_what_a_rail_that_is_off_would_have_needed_is_no_difference(made: Made) -> None:
    off = made("rails: {topic: {enabled: false}}")
    assert compare(off, made("rails: {topic: {enabled: false, thresholds: {out_of_scope: 0.2}}}")) == []


def test_other_words_are_told_as_reworded_in_every_language_that_both_speak(made: Made) -> None:
    words = "{message: Not here., translations: {de: {message: Nicht hier.}, fr: null, es: null, it: null}}"
    old, new = (
        made("languages: [en, de]"),
        made(f"languages: [en, de]\nrails: {{topic: {{words: {words}}}}}".replace(", fr: null, es: null, it: null", "")),
    )
    assert [(one.kind, one.what, one.new) for one in compare(old, new)] == [
        ("reworded", "topic, message", "Not here."),
        ("reworded", "topic, message in de", "Nicht hier."),
    ]


def test_what_holds_for_one_tenant_or_audience_is_told_under_its_name_and_once(made: Made) -> None:
    layers = """\
audiences:
  staff: {groups: [employees], rails: {topic: {action: allow}}}
tenants:
  harbour: {rails: {advice: {fail: allow}}, audiences: {staff: {rails: {topic: {action: block}}}}}
  mole: {}
"""
    found = compare(load_policy(), made(layers))
    assert [(one.whose, one.kind, one.what) for one in found] == [
        ("", "changed", "audience staff, groups"),
        ("audience staff", "looser", "topic, action (input)"),
        ("tenant harbour", "looser", "advice, when it fails"),
        ("tenant harbour, audience staff", "stricter", "topic, action (input)"),
    ]


def test_the_order_of_audiences_is_a_difference_because_the_first_that_fits_counts(made: Made) -> None:
    a, b = "a: {groups: [x]}", "b: {groups: [x]}"
    one, other = made(f"audiences: {{{a}, {b}}}"), made(f"audiences: {{{b}, {a}}}")
    assert [change.what for change in compare(one, other)] == ["order of the audiences"]
    assert one.digest != other.digest
    assert (one.audience_of(frozenset("x")), other.audience_of(frozenset("x"))) == ("a", "b")


# --- properties -------------------------------------------------------------------------------------

actions = st.sampled_from(["block", "allow"])
thresholds = st.integers(1, 1_000_000).map(lambda millionths: millionths / 1e6)


@st.composite
def layers(draw: st.DrawFn) -> dict[str, Any]:
    """What a file, a tenant or an audience may change."""
    rails: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(sorted(RAILS)), unique=True, max_size=3)):
        category = draw(st.sampled_from(RAILS[name].categories))
        threshold = draw(thresholds | st.fixed_dictionaries({"input": thresholds, "output": thresholds}))
        rails[name] = {
            "thresholds": {category: threshold},
            "action": draw(actions | st.fixed_dictionaries({"input": actions, "output": actions})),
            "fail": draw(actions),
            "enabled": draw(st.booleans()),
        }
    return {"rails": rails} if rails else {}


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Any]:
    names = st.lists(st.sampled_from("abc"), unique=True, max_size=2)
    audiences = {name: {"groups": [f"g{name}"], **draw(layers())} for name in draw(names)}
    tenants = {}
    for name in draw(names):
        own = {audience: draw(layers()) for audience in audiences if draw(st.booleans())}
        tenants[f"t{name}"] = {**draw(layers()), **({"audiences": own} if own else {})}
    return {"extends": "default", "version": "a", **draw(layers()), "audiences": audiences, "tenants": tenants}


def policy_of(tree: dict[str, Any], folder: Path, *, sort_keys: bool = False, comment: str = "") -> Policy:
    path = folder / "policy.yaml"
    path.write_text(comment + yaml.safe_dump(tree, sort_keys=sort_keys), encoding="utf-8")
    return load_policy(path)


few = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@few
@given(tree=trees())
def test_resolving_twice_is_resolving_once_and_leaves_no_layer(tmp_path: Path, tree: dict[str, Any]) -> None:
    policy = policy_of(tree, tmp_path)
    for tenant in ("", *policy.tenants, "nobody"):
        for audience in ("", *policy.audiences, "nobody"):
            found = policy.resolve(tenant, audience)
            assert found.resolve(tenant, audience) is found
            assert not found.tenants
            assert not found.audiences
            assert read_policy(tmp_path / "policy.yaml").resolve(tenant, audience).policy == found
            assert Policy.model_validate(found.model_dump(mode="json")).digest == found.digest


def shuffled(value: Any, draw: Callable[[Any], Any], *, keep: bool = False) -> Any:
    if not isinstance(value, dict):
        return value
    keys = list(value) if keep else draw(st.permutations(list(value)))
    return {key: shuffled(value[key], draw, keep=key == "audiences") for key in keys}


@few
@given(tree=trees(), data=st.data())
def test_the_digest_knows_neither_order_nor_comments(tmp_path: Path, tree: dict[str, Any], data: st.DataObject) -> None:
    turned = shuffled(tree, data.draw)
    assert policy_of(tree, tmp_path).digest == policy_of(turned, tmp_path, comment="# other words\n\n").digest


@few
@given(one=trees(), other=trees())
def test_what_is_stricter_one_way_is_looser_the_other_way(
    tmp_path: Path, one: dict[str, Any], other: dict[str, Any]
) -> None:
    a, b = policy_of(one, tmp_path), policy_of(other, tmp_path)
    assert compare(a, a) == []
    turned = {"stricter": "looser", "looser": "stricter", "reworded": "reworded", "changed": "changed"}
    there = {(turned[change.kind], change.what, change.new, change.old, change.whose) for change in compare(a, b)}
    back = {(change.kind, change.what, change.old, change.new, change.whose) for change in compare(b, a)}
    assert there == back
    if a.digest == b.digest:
        assert not there


# --- what is shown ----------------------------------------------------------------------------------


@few
@given(tree=trees())
def test_what_is_shown_reads_back_as_the_same_policy(tmp_path: Path, tree: dict[str, Any]) -> None:
    policy_of(tree, tmp_path)
    found = read_policy(tmp_path / "policy.yaml")
    for tenant, audience in (("", ""), (next(iter(found.policy.tenants), ""), next(iter(found.policy.audiences), ""))):
        resolved = found.resolve(tenant, audience) if tenant or audience else found
        shown = tmp_path / "shown.yaml"
        shown.write_text(written_out(resolved), encoding="utf-8")
        assert load_policy(shown).digest == resolved.policy.digest


def test_every_value_that_is_shown_says_who_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "bank.yaml"
    path.write_text("extends: default\nversion: a\nrails:\n  topic: {fail: block}\n", encoding="utf-8")
    found = read_policy(path)
    told = origins(found)
    assert told["rails.topic.fail"] == f"{path}:4"
    assert told["version"] == f"{path}:2"
    assert told["rails.topic.enabled"] == "by default"
    assert told["rails.topic.action"].startswith(f"{DEFAULT_PATH}:")
    lines = written_out(found).splitlines()
    assert f"    fail: block  # {path}:4" in lines
