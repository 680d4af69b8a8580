"""A policy file that cannot be used says where, what and what is known; one that can has a digest of its meaning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from moderation.policy import DEFAULT_PATH, RAILS, Policy, PolicyError, load_policy
from moderation.types import Direction

DEFAULT = DEFAULT_PATH.read_text(encoding="utf-8")
Edited = Callable[[str, str], Path]


@pytest.fixture
def edited(tmp_path: Path) -> Edited:
    """The shipped policy with one piece of text replaced, as a file."""

    def edited(old: str, new: str) -> Path:
        assert old in DEFAULT
        path = tmp_path / "policy.yaml"
        path.write_text(DEFAULT.replace(old, new, 1), encoding="utf-8")
        return path

    return edited


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def complaint(path: Path) -> str:
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    return str(caught.value)


def test_the_shipped_policy_names_every_rail_and_gives_every_category_a_threshold() -> None:
    policy = load_policy()
    assert set(policy.rails) == set(RAILS)
    for rail, kind in RAILS.items():
        for category in kind.categories:
            for direction in Direction:
                assert 0 < policy.rails[rail].threshold_for(category, direction) <= 1
        assert policy.rails[rail].words.message
        assert policy.rails[rail].words.alternatives


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ("  toxicity:", "  toxicty:", "toxicty:", ["rail 'toxicty' is unknown", "known rails:", "toxicity"]),
        ("      hate: 0.6", "      hatred: 0.6", "hatred:", ["category 'hatred'", "'toxicity'", "known categories: hate"]),
        ("      hate: 0.6\n", "", "harassment: {input", ["'toxicity' gives no threshold for hate", "add one"]),
        ("      hate: 0.6", "      hate: 1.5", "hate: 1.5", ["threshold of 'hate' is 1.5", "above 0 and at most 1"]),
        ("      hate: 0.6", "      hate: 0", "hate: 0", ["threshold of 'hate' is 0"]),
        ("      hate: 0.6", "      hate: {input: 0.6}", "hate: {", ["by direction needs both input and output"]),
        ("      hate: 0.6", "      hate: often", "hate: often", ["rails.toxicity.thresholds.hate"]),
        ("    fail: block", "    fial: block", "fial: block", ["injection.fial: key 'fial' is unknown", "mean 'fail'?"]),
        ("    fail: block", "    fail: maybe", "fail: maybe", ["'maybe' is unknown", "known: block, allow"]),
        ("    action: steer", "    action: shout", "action: shout", ["rails.topic.action: 'shout' is"]),
        ("    directions: [input]", "    directions: [sideways]", "[sideways]", ["rails.topic.directions", "input"]),
        ('version: "2026.1"', 'verson: "2026.1"', "verson:", ["version"]),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_its_line_and_its_name(
    edited: Edited, old: str, new: str, where: str, says: list[str]
) -> None:
    path = edited(old, new)
    message = complaint(path)
    place, _, rest = message.partition(": ")
    assert place.startswith(f"{path}:")
    if "missing" not in where and "gives no threshold" not in message and "verson" not in where:
        assert place == f"{path}:{line_of(path, where)}"
    for words in says:
        assert words in rest


def test_a_missing_threshold_points_at_the_rails_thresholds(edited: Edited) -> None:
    path = edited("      hate: 0.6\n", "")
    assert complaint(path).startswith(f"{path}:{line_of(path, 'harassment: {input') - 1}: ")


def test_a_rail_that_is_left_out_is_off(tmp_path: Path) -> None:
    tree = yaml.safe_load(DEFAULT)
    del tree["rails"]["advice"]
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(tree))
    policy = load_policy(path)
    assert policy.unnamed_rails == ("advice",)
    assert "advice" not in policy.rails


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    action: block\n    fail: block\n    words:", "    action: redact\n    words:", "cannot redact"),
        ("    action: block\n    fail: block\n    words:", "    action: steer\n    words:", "give no instruction"),
    ],
)
def test_an_action_that_the_rail_cannot_carry_out_is_refused(edited: Edited, old: str, new: str, says: str) -> None:
    message = complaint(edited(old, new))
    assert "rail 'injection'" in message
    assert says in message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("version: [1", "not valid YAML"),
        ("- a\n- b\n", "a policy is a mapping"),
        ("", "a policy is a mapping"),
        ("version: a\nrails: 7\npii: {pseudonymise: [PERSON]}\n", "rails"),
    ],
)
def test_a_file_that_is_no_policy_at_all_is_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(content)
    message = complaint(path)
    assert message.startswith(f"{path}:")
    assert says in message


def test_a_policy_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert complaint(tmp_path / "none.yaml").startswith(f"{tmp_path}/none.yaml: cannot be read")


def test_the_digest_is_of_the_meaning_and_not_of_the_layout(edited: Edited, tmp_path: Path) -> None:
    digest = load_policy().digest
    turned = tmp_path / "sorted.yaml"
    turned.write_text(yaml.safe_dump(yaml.safe_load(DEFAULT), sort_keys=True))
    assert load_policy(turned).digest == digest
    assert load_policy(edited("# The moderation policy", "# Another comment on the policy")).digest == digest
    assert load_policy(edited("hate: 0.6", "hate: 0.61")).digest != digest
    assert load_policy(edited("fail: allow", "fail: block")).digest != digest


def test_a_tenants_overrides_change_what_they_name_and_nothing_else(edited: Edited) -> None:
    policy = load_policy(edited("tenants: {}", "tenants:\n  harbour:\n    rails:\n      topic: {action: block}\n"))
    harbour = policy.resolve("harbour")
    assert harbour.rails["topic"].action_for("out_of_scope", Direction.INPUT) == "block"
    assert harbour.rails["topic"].words == policy.rails["topic"].words
    assert harbour.rails["toxicity"] == policy.rails["toxicity"]
    assert harbour.digest != policy.digest
    assert policy.resolve("another").rails == policy.rails
    assert policy.resolve("another").digest != harbour.digest


def test_the_layers_are_laid_over_each_other_base_audience_tenant_tenants_audience(edited: Edited) -> None:
    layers = """
audiences:
  staff: {groups: [employees], rails: {topic: {action: allow, fail: block}, advice: {fail: allow}}}
  clients: {groups: [retail, employees], rails: {topic: {thresholds: {out_of_scope: 0.5}}}}
tenants:
  harbour:
    rails: {topic: {action: block}}
    audiences:
      staff: {rails: {topic: {thresholds: {out_of_scope: 0.7}}}}
"""
    policy = load_policy(edited("tenants: {}", layers))
    topic = policy.resolve("harbour", "staff").rails["topic"]
    assert (topic.action, topic.fail, topic.thresholds["out_of_scope"]) == ("block", "block", 0.7)
    assert policy.resolve("harbour", "staff").rails["advice"].fail == "allow"
    assert policy.resolve("harbour", "clients").rails["topic"].thresholds["out_of_scope"] == 0.5
    assert policy.resolve("", "staff").rails["topic"].action == "allow"
    assert policy.resolve("", "").rails == policy.rails
    assert policy.resolve("harbour", "unheard of") is policy.resolve("harbour")
    assert len({policy.resolve(t, a).digest for t in ("", "harbour") for a in ("", "staff", "clients")}) == 6
    again = policy.resolve("harbour", "staff")
    assert again.resolve("harbour", "staff") is again
    assert policy.audience_of(frozenset({"employees", "printers"})) == "staff"
    assert policy.audience_of(frozenset({"retail"})) == "clients"
    assert policy.audience_of(frozenset({"printers"})) == ""


def test_words_are_said_in_the_readers_language_and_otherwise_as_they_were_written() -> None:
    policy = load_policy()
    for rail in policy.rails.values():
        for category in ("", *rail.categories):
            written = rail.words_for(category)
            said = {rail.words_for(category, language).message for language in policy.languages}
            assert len(said) == len(policy.languages)
            assert {len(rail.words_for(category, one).alternatives) for one in policy.languages} == {
                len(written.alternatives)
            }
            assert rail.words_for(category, "pt") == rail.words_for(category, "en") == written
            assert rail.words_for(category, "de-AT") == rail.words_for(category, "de") != written
            assert rail.words_for(category, "de").instruction == written.instruction


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it"])
def test_words_for_a_person_who_speaks_of_suicide_name_the_emergency_number_and_a_helpline(language: str) -> None:
    words = load_policy().rails["toxicity"].words_for("self_harm", language)
    emergency = {
        "en": "emergency number",
        "de": "Notruf",
        "fr": "numéro d'urgence",
        "es": "número de emergencias",
        "it": "numero di emergenza",
    }
    assert emergency[language] in words.message
    assert emergency[language] in words.alternatives[0]
    assert any("findahelpline.com" in one for one in words.alternatives)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("topc: {action: block}", "rail 'topc' is unknown"),
        ("topic: {action: shout}", "action"),
        ("topic: {thresholds: {out_of_scope: 3}}", "threshold of 'out_of_scope' is 3"),
        ("topic: {colour: red}", "colour"),
    ],
)
def test_a_mistake_in_a_tenants_overrides_is_found_when_the_file_is_read(edited: Edited, override: str, says: str) -> None:
    path = edited("tenants: {}", f"tenants:\n  harbour:\n    rails:\n      {override}\n")
    message = complaint(path)
    assert message.startswith(f"{path}:{line_of(path, override)}: ")
    assert says in message


def test_an_action_by_direction_that_leaves_one_out_blocks_there() -> None:
    tree = load_policy().model_dump(mode="json")
    tree["rails"]["toxicity"]["action"] = {"input": "allow"}
    rail = Policy.model_validate(tree).rails["toxicity"]
    assert rail.action_for("hate", Direction.INPUT) == "allow"
    assert rail.action_for("hate", Direction.OUTPUT) == "block"


def test_a_policy_cannot_be_changed_once_it_is_read() -> None:
    policy = load_policy()
    with pytest.raises(ValueError, match="frozen"):
        policy.rails["toxicity"].fail = "allow"  # type: ignore[misc]
