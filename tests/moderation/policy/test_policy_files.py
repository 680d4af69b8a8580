"""Policies that extend policies: what is inherited, what is replaced, what is removed, and who wrote what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from moderation.policy import DEFAULT_PATH, PolicyError, load_policy, read_policy
from moderation.types import Direction

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """written(text, name="bank.yaml") -> the file; the text needs no indentation of its own."""

    def written(text: str, name: str = "bank.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return written


def problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_a_policy_that_extends_the_default_differs_only_in_what_it_names(written: Written) -> None:
    bank = load_policy(written('extends: default\nversion: "bank 3"\nrails:\n  toxicity: {thresholds: {hate: 0.4}}\n'))
    default = load_policy()
    assert bank.rails["toxicity"].threshold_for("hate", Direction.INPUT) == 0.4
    assert bank.rails["toxicity"].threshold_for("minors", Direction.INPUT) == 0.7
    assert bank.rails["toxicity"].words == default.rails["toxicity"].words
    assert {name for name in bank.rails if bank.rails[name] != default.rails[name]} == {"toxicity"}
    assert bank.digest != default.digest


def test_a_chain_of_relative_files_is_laid_over_from_the_bottom(written: Written) -> None:
    written("extends: default\nversion: g\nrails: {topic: {action: block, fail: block}}\n", "group.yaml")
    written("extends: ../group.yaml\nversion: c\nrails: {topic: {fail: allow}}\n", "de/country.yaml")
    path = written("extends: de/country.yaml\nversion: b\nrails: {advice: {fail: allow}}\n", "bank.yaml")
    found = read_policy(path)
    topic = found.policy.rails["topic"]
    assert (topic.action, topic.fail, found.policy.rails["advice"].fail) == ("block", "allow", "allow")
    assert [one.resolve().name for one in found.files] == ["bank.yaml", "country.yaml", "group.yaml", "default.yaml"]
    assert (found.origin("rails", "topic", "action").file.name, found.origin("rails", "topic", "action").line) == (
        "group.yaml",
        3,
    )
    assert found.origin("rails", "topic", "fail").file.name == "country.yaml"
    assert found.origin("rails", "toxicity", "thresholds", "hate").file == DEFAULT_PATH


def test_the_digest_is_the_same_whether_a_policy_is_inherited_or_written_out(written: Written) -> None:
    short = 'extends: default\nversion: "2026.1"\nrails: {topic: {action: block}}\n'
    full = DEFAULT_PATH.read_text().replace("action: steer\n    fail: allow", "action: block\n    fail: allow", 1)
    assert load_policy(written(short)).digest == load_policy(written(full, "full.yaml")).digest


def test_lists_are_replaced_and_null_removes_what_was_inherited(written: Written) -> None:
    path = written("""\
extends: default
version: a
rails:
  toxicity: {categories: {violence: null}}
topic: {in_scope: [What are my holdings?]}
""")
    policy = load_policy(path)
    assert "violence" not in policy.rails["toxicity"].categories
    assert "self_harm" in policy.rails["toxicity"].categories
    assert policy.rails["toxicity"].words_for("violence") == policy.rails["toxicity"].words
    assert policy.topic.in_scope == ("What are my holdings?",)


def test_a_tenants_null_removes_what_the_whole_policy_says_wherever_it_stands(written: Written) -> None:
    written("""\
extends: default
version: a
tenants:
  harbour: {rails: {toxicity: {categories: {violence: null}}}}
  mole: {rails: {topic: {action: block}}}
""", "group.yaml")  # fmt: skip
    bank = load_policy(written("extends: group.yaml\nversion: b\ntenants: {mole: null}\n"))
    assert "violence" in bank.rails["toxicity"].categories
    assert "violence" not in bank.resolve("harbour").rails["toxicity"].categories
    assert list(bank.tenants) == ["harbour"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("extends: defualt\nversion: a\n", 1, "there is no file"),
        ("extends: defualt\nversion: a\n", 1, "did you mean 'default'?"),
        ("version: a\nextends: gruop.yaml\n", 2, "did you mean 'group.yaml'?"),
        ("version: a\nextends: [default]\n", 2, "name `default` or one policy file"),
        ("version: a\nextends:\n", 2, "name `default` or one policy file"),
        ("extends: default\n", 1, "needs a version of its own"),
        ("extends: bank.yaml\nversion: a\n", 1, "extend each other in a circle"),
        (
            "extends: default\nversion: a\nrails:\n  topic:\n    acton: null\n",
            5,
            "nothing is inherited that it would remove",
        ),
    ],
)
def test_what_cannot_be_extended_is_told_with_its_line(written: Written, text: str, line: int, says: str) -> None:
    written("extends: default\nversion: g\n", "group.yaml")
    path = written(text)
    assert any(one.startswith(f"{path}:{line}: ") and says in one for one in problems(path))


def test_a_circle_of_three_names_the_three(written: Written) -> None:
    written("extends: b.yaml\nversion: a\n", "a.yaml")
    written("extends: c.yaml\nversion: b\n", "b.yaml")
    path = written("version: c\nextends: a.yaml\n", "c.yaml")
    (told,) = problems(path)
    assert ":1: " in told
    assert told.endswith(f"c.yaml -> {path.parent}/a.yaml -> {path.parent}/b.yaml -> {path.parent}/c.yaml")


def test_a_policy_that_stands_alone_may_leave_a_rail_out_but_not_misspell_it(written: Written) -> None:
    misspelt = written(DEFAULT_PATH.read_text().replace("  pii:\n    directions", "  piii:\n    directions"), "old.yaml")
    assert any("rail 'piii' is unknown; did you mean 'pii'?" in one for one in problems(misspelt))
    tree = yaml.safe_load(DEFAULT_PATH.read_text())
    del tree["rails"]["pii"]
    assert load_policy(written(yaml.safe_dump(tree), "alone.yaml")).unnamed_rails == ("pii",)
    inherits = written("extends: default\nversion: b\nrails: {pii: null}\n", "inherits.yaml")
    assert load_policy(inherits).unnamed_rails == ("pii",)
    extends = written(yaml.safe_dump({**tree, "extends": "default"}), "extends.yaml")
    assert load_policy(extends).rails["pii"] == load_policy().rails["pii"]


# --- who wrote what ---------------------------------------------------------------------------------


def test_each_value_of_a_tenants_policy_is_known_by_its_file_and_line(written: Written) -> None:
    path = written("""\
extends: default
version: a
audiences:
  staff:
    groups: [employees]
    rails:
      topic: {action: allow}
tenants:
  harbour:
    rails:
      topic:
        thresholds: {out_of_scope: 0.8}
    audiences:
      staff:
        rails:
          advice:
            fail: allow
""")
    found = read_policy(path).resolve("harbour", "staff")
    assert found.policy == load_policy(path).resolve("harbour", "staff")
    lines = {
        ("rails", "topic", "action"): 7,
        ("rails", "topic", "thresholds", "out_of_scope"): 12,
        ("rails", "advice", "fail"): 17,
        ("version",): 2,
    }
    for where, line in lines.items():
        assert (found.origin(*where).file, found.origin(*where).line) == (path, line)
    assert found.origin("rails", "topic", "fail").file == DEFAULT_PATH
    assert not found.wrote("rails", "topic", "enabled")
    assert read_policy(path).resolve("", "staff").origin("rails", "topic", "thresholds", "out_of_scope").file == DEFAULT_PATH


# --- languages --------------------------------------------------------------------------------------


def test_a_message_that_is_reworded_needs_its_translations_reworded_too(written: Written) -> None:
    path = written("extends: default\nversion: a\nrails:\n  topic:\n    words:\n      message: Not here.\n")
    (told,) = problems(path)
    assert told.startswith(
        f"{path}:6: rails.topic.words.message: is reworded, but its translation into de, fr, es, it is still"
    )
    assert str(DEFAULT_PATH) in told
    written("extends: default\nversion: a\nlanguages: [en]\nrails: {topic: {words: {message: Not here.}}}\n")
    policy = load_policy(path)
    assert policy.rails["topic"].words_for("out_of_scope", "de").message == "Not here."
    assert policy.rails["topic"].words_for("out_of_scope").alternatives == load_policy().rails["topic"].words.alternatives


def test_a_tenants_reworded_message_needs_its_translations_too(written: Written) -> None:
    path = written("extends: default\nversion: a\ntenants:\n  t:\n    rails: {topic: {words: {message: No.}}}\n")
    (told,) = problems(path)
    assert told.startswith(f"{path}:5: tenants.t.rails.topic.words.message: is reworded")


@pytest.mark.parametrize(
    ("languages", "says"),
    [
        ("[en, de, pt]", ["2: rails.topic.words.translations.pt: not translated into 'pt'", "default.yaml:"]),
        ("[en, german]", ["2: language 'german' is unknown; did you mean 'de'?"]),
        ("[en, no]", ["2: languages.1: False is read as true or false, not as text; put it in quotes"]),
        ("[de, fr]", ["language 'en' is not among the languages (de, fr); add it to them"]),
    ],
)
def test_a_language_that_is_promised_must_be_spoken(written: Written, languages: str, says: list[str]) -> None:
    path = written(f"extends: default\nlanguages: {languages}\nversion: a\n")
    found = problems(path)
    assert any(all(one in told for one in says) for told in found), found


ALONE = """\
version: a
languages: [en, de]
rails: {}
pii: {pseudonymise: [PERSON]}
"""
WITHHELD = "withheld: {message: No., alternatives: [Ask], translations: {de: {message: Nein., alternatives: [Fragen]}}}"


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ("", ["2: answers.withheld is not said in 'de'", "2: answers.notice is not said in 'de'"]),
        (f"answers: {{{WITHHELD}}}", ["5: answers.notice is not said in 'de', which `languages` promises; write it"]),
        (f"answers: {{{WITHHELD}, notice: {{en: G.}}}}", ["5: answers.notice is not said in 'de'"]),
        (f"answers: {{{WITHHELD}, notice: {{en: G., de: ''}}}}", ["5: answers.notice is not said in 'de'"]),
        (f"answers: {{{WITHHELD}, notice: {{de: G.}}}}", ["5: answers.notice is not said in 'en'"]),
        ("answers: {notice: {en: G., de: A.}}", ["5: answers.withheld is not said in 'de'"]),
        (
            "answers: {withheld: {message: No., alternatives: [Ask]}, notice: {en: G., de: A.}}",
            ["5: answers.withheld.translations.de: not translated into 'de'"],
        ),
        (f"answers: {{{WITHHELD}, closed_book: language_tasks}}", []),
        (f"answers: {{{WITHHELD}, notice: {{en: G., de: A., fr: E.}}}}", []),
    ],
)
def test_what_is_said_of_answers_is_said_in_every_promised_language(written: Written, answers: str, says: list[str]) -> None:
    path = written(f"{ALONE}{answers}\n")
    found = problems(path) if says else ()
    if not says:
        load_policy(path)
    assert len(found) == len(says), found
    for told, wanted in zip(sorted(found), sorted(says), strict=True):
        assert told.startswith(f"{path}:{wanted}"), told


@pytest.mark.parametrize("part", ["preface", "closing"])
@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        ("Note.", "", "translations.de.{part}: is not said in 'de', though it is in en"),
        ("", "Hinweis.", "{part}: is not said in 'en', though it is in de"),
        ("Note.", "Hinweis.", ""),
        ("", "", ""),
    ],
)
def test_what_stands_round_a_steered_answer_is_said_in_every_language_or_in_none(
    written: Written, part: str, ours: str, theirs: str, says: str
) -> None:
    german = f"{{message: Nein., alternatives: [Fragen], {part}: '{theirs}'}}"
    words = f"{{message: No., alternatives: [Ask], instruction: Brief., {part}: '{ours}', translations: {{de: {german}}}}}"
    rail = f"rails: {{topic: {{action: steer, thresholds: {{out_of_scope: 0.9}}, words: {words}}}}}"
    path = written(f"{ALONE.replace('rails: {}', rail)}answers: {{{WITHHELD}, notice: {{en: G., de: A.}}}}\n")
    if not says:
        assert getattr(load_policy(path).rails["topic"].words.spoken("de"), part) == theirs
        return
    (told,) = problems(path)
    assert told.startswith(f"{path}:3: rails.topic.words.{says.format(part=part)}; write it, or take it out of all")


def test_a_withheld_message_or_a_preface_that_is_reworded_needs_its_translations_too(written: Written) -> None:
    path = written("extends: default\nversion: a\nanswers: {withheld: {message: Not today.}}\n")
    (told,) = problems(path)
    assert told.startswith(f"{path}:3: answers.withheld.message: is reworded, but its translation into de, fr, es, it")
    path = written("extends: default\nversion: a\nrails: {advice: {words: {preface: In general.}}}\n")
    (told,) = problems(path)
    assert told.startswith(f"{path}:3: rails.advice.words.preface: is reworded")


def test_a_translation_into_a_language_that_is_not_promised_is_a_mistake(written: Written) -> None:
    words = "{translations: {da: {message: Nej., alternatives: [a, b, c]}}}"
    path = written(f"extends: default\nversion: a\nrails:\n  topic:\n    words: {words}\n")
    (told,) = problems(path)
    assert told.startswith(f"{path}:5: translation into 'da' is not among the languages (en, de, fr, es, it);")
    assert "add it to `languages`, or take it out" in told


def test_a_translation_says_as_many_alternatives_as_the_words(written: Written) -> None:
    words = "{translations: {de: {alternatives: [Fragen Sie etwas anderes]}}}"
    path = written(f"extends: default\nversion: a\nrails:\n  topic:\n    words: {words}\n")
    (told,) = problems(path)
    assert told == f"{path}:5: 1 alternatives in 'de' for 3 in 'en'; translate each"


def test_a_policy_written_in_another_language_needs_nothing_of_english(written: Written) -> None:
    german = """\
extends: default
version: a
languages: [de]
language: de
"""
    words = "message: Nein., alternatives: [Fragen Sie etwas anderes], instruction: Antworte kurz., translations: null"
    rails = load_policy().rails
    for name, rail in rails.items():
        german += "rails:\n" if name == next(iter(rails)) else ""
        kinds = ", ".join(f"{kind}: {{words: {{{words}}}}}" for kind, rule in rail.categories.items() if rule.words)
        german += f"  {name}: {{words: {{{words}}}, categories: {{{kinds}}}}}\n"
    german += f"answers: {{withheld: {{{words.replace('instruction: Antworte kurz., ', '')}}}}}\n"
    policy = load_policy(written(german))
    assert policy.rails["topic"].words_for("out_of_scope", "fr").message == "Nein."
    assert policy.language_for(["en", "fr"]) == "de"


def test_the_readers_language_is_the_first_that_the_policy_speaks() -> None:
    policy = load_policy()
    assert policy.language_for(["pt-BR", "de-CH", "fr"]) == "de"
    assert policy.language_for(["it"]) == "it"
    assert policy.language_for(["pt"]) == policy.language_for([]) == "en"
