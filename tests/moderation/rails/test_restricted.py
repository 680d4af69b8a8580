"""Names that are not spoken of: found in any dress, in one pass over a long list, and never let out."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.gate import Halt, StreamGate
from moderation.heads.head import Heads
from moderation.policy import Policy, PolicyError, load_policy
from moderation.policy.load import read_policy
from moderation.rails import Rails
from moderation.rails.base import Seen
from moderation.text.name_index import NameIndex
from moderation.types import Allow, Block, Direction, Redact, Steer, Verdict

NOTHING = np.zeros(384, np.float32)
NAMES = ["BlackHarbour", "Northwind Capital", "Marks & Pencer", "Moody's", "Visa", "Crédit Lunaire", "Target"]


def rails(*lists: dict[str, object], **rail: object) -> Rails:
    tree = load_policy().model_dump(mode="json")
    tree["restricted"] = {"lists": list(lists)}
    tree["rails"]["restricted"] |= rail
    return Rails(Policy.model_validate(tree), Heads.load())


def competitors(**more: object) -> dict[str, object]:
    return {"name": "competitors", "names": NAMES, **more}


def judged(text: str, before: str = "", direction: Direction = Direction.OUTPUT, **more: object) -> Verdict:
    return rails(competitors(**more)).judge("restricted", Seen(direction, text, NOTHING, before))


DRESSES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "shouted": str.upper,
    "small": str.lower,
    "possessive": lambda name: f"{name}'s",
    "possessive, curly": lambda name: f"{name}’s",
    "hyphenated": lambda name: name.replace(" ", "-"),
    "run together": lambda name: name.replace(" ", ""),
    "two blanks": lambda name: name.replace(" ", "  "),
    "over a line end": lambda name: name.replace(" ", "\n"),
    "zero-width": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "homoglyphs": lambda name: name.translate(str.maketrans("aeopcxi", "аеорсхі")),
    "full-width": lambda name: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name),
    "accents": lambda name: "".join(f"{c}\u0301" if c in "aeiou" else c for c in name),
    "spelt out": lambda name: "  ".join(" ".join(word) for word in name.split()),
    "bold": lambda name: f"**{name}**",
    "quoted": lambda name: f"“{name}”",
}


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("name", ["Northwind Capital", "BlackHarbour"])
def test_a_name_is_replaced_in_whatever_dress_it_comes(name: str, dress: str) -> None:
    verdict = judged(f"You could also ask {DRESSES[dress](name)} about it.")
    assert isinstance(verdict, Redact)
    assert "another firm" in verdict.text
    assert verdict.text.startswith("You could also ask ")
    assert verdict.text.endswith(" about it.")
    assert not any(word in verdict.text.lower() for word in ("north", "wind", "capital", "black", "harbour"))


@pytest.mark.parametrize(
    "text", ["Ask Black Harbour.", "Ask black-harbour.", "Ask Marks and Pencer.", "See Moodys.", "See Credit Lunaire."]
)
def test_a_name_is_known_in_other_spellings(text: str) -> None:
    assert isinstance(judged(text), Redact)


@pytest.mark.parametrize(
    "text",
    [
        "A north wind blew.",
        "The capital of Northwindia.",
        "Visas for travellers, vis a vis the rules.",
        "It went north. Wind capital costs rose.",
        "They marked pencils.",
        "",
    ],
)
def test_what_only_resembles_a_name_passes(text: str) -> None:
    assert isinstance(judged(text), Allow)


def test_the_longest_name_counts_and_a_phrase_may_excuse_a_name() -> None:
    found = NameIndex([("Harbour", 0), ("Harbour Bank of Halden", 1), ("target date fund", None), ("Target", 2)])
    assert [one.owner for one in found.find("ask the harbour bank of halden, not harbour bank")] == [1, 0]
    assert [one.owner for one in found.find("a target date fund of target")] == [None, 2]
    assert isinstance(judged("The target date fund is ours.", unless=["target date fund"]), Allow)
    assert isinstance(judged("The target is met.", capital=True), Allow)
    assert isinstance(judged("Buy it at Target.", capital=True), Redact)


def test_each_list_has_its_own_action_and_the_severest_decides() -> None:
    lists = [
        competitors(),
        {"name": "embargo", "names": ["Project Falcon"], "action": "block", "message": "I cannot speak about that."},
        {"name": "gentle", "names": ["Someone Else"], "action": "steer"},
        {"name": "watched", "names": ["Old Friend"], "action": "allow"},
    ]
    judge = rails(*lists).judge
    verdicts = {
        text: judge("restricted", Seen(Direction.OUTPUT, text, NOTHING))
        for text in ("Old Friend and Visa.", "Someone Else and Visa.", "Project Falcon and Someone Else.", "Old Friend.")
    }
    assert [type(one) for one in verdicts.values()] == [Redact, Steer, Block, Allow]
    blocked = verdicts["Project Falcon and Someone Else."]
    assert isinstance(blocked, Block)
    assert blocked.message == "I cannot speak about that."
    assert blocked.finding.reason == "names of the list embargo"


def test_questions_are_looked_at_only_where_a_list_says_so() -> None:
    assert "restricted" not in rails(competitors()).names(Direction.INPUT)
    assert "restricted" not in rails().names(Direction.OUTPUT)
    asked = rails(competitors(directions=["input"], action="block"))
    assert "restricted" in asked.names(Direction.INPUT)
    assert isinstance(asked.judge("restricted", Seen(Direction.INPUT, "What of Visa?", NOTHING)), Block)


@settings(max_examples=60, deadline=None)
@given(
    dress=st.sampled_from(sorted(DRESSES)),
    name=st.sampled_from(["Northwind Capital", "BlackHarbour"]),
    padding=st.integers(0, 420),
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=5),
)
def test_a_name_never_leaves_whatever_its_dress_and_the_chunking(
    dress: str, name: str, padding: int, sizes: list[int]
) -> None:
    judge = rails(competitors()).judge
    answer = f"{('word ' * 100)[:padding].rstrip()} you may ask {DRESSES[dress](name)} for it. That is all."
    gate, out, at, turn = StreamGate(), "", 0, 0
    gate.input_verdict(True)
    while at < len(answer):
        size = sizes[turn % len(sizes)]
        for segment in (*gate.feed(answer[at : at + size]), *(gate.close() if at + size >= len(answer) else ())):
            result = gate.verdict(
                segment.id, judge("restricted", Seen(Direction.OUTPUT, segment.text, NOTHING, segment.context))
            )
            assert not isinstance(result, Halt)
            out += "".join(one.text for one in result)
        at, turn = at + size, turn + 1
    assert isinstance(judge("restricted", Seen(Direction.OUTPUT, out, NOTHING)), Allow)
    assert "another firm" in out


def test_an_encoded_name_is_replaced_with_its_code() -> None:
    code = base64.b64encode(b"the name is Northwind Capital, as you asked").decode()
    verdict = judged(f"Here: {code} and no more.")
    assert isinstance(verdict, Redact)
    assert verdict.text == "Here: another firm and no more."


def test_a_hundred_thousand_names_are_found_in_one_pass() -> None:
    """None is looked for by itself: the test would take hours."""
    index = NameIndex([*((f"Firm {number:x} of Halden", 0) for number in range(100_000)), ("Northwind Capital", 1)])
    text = "the fund and firm ff of halden and others of northwind capital grew in the year. " * 50
    assert [one.owner for one in index.find(text)] == [0, 1] * 50


# --- in a policy's file -----------------------------------------------------------------------------


def written(folder: Path, lists: str, names: str = "Northwind Capital\n# not this\nVisa # nor this\n\n") -> Path:
    (folder / "names.txt").write_text(names, encoding="utf-8")
    (folder / "bank.yaml").write_text(f'extends: default\nversion: "1"\nrestricted:\n  lists:\n{lists}', encoding="utf-8")
    return folder / "bank.yaml"


def test_names_come_from_a_file_beside_the_policy_and_change_its_digest(tmp_path: Path) -> None:
    path = written(tmp_path, "    - {name: competitors, names: [Moody's], file: names.txt}\n")
    found = read_policy(path)
    assert found.policy.restricted.lists[0].names == ("Moody's", "Northwind Capital", "Visa")
    assert tmp_path / "names.txt" in found.files
    written(tmp_path, "    - {name: competitors, names: [Moody's], file: names.txt}\n", "Someone Else\n")
    assert load_policy(path).digest != found.policy.digest


def test_a_tenant_has_lists_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, "    - {name: all, names: [Visa]}\n")
    own = "tenants:\n  halden:\n    restricted: {lists: [{name: theirs, file: names.txt}]}\n"
    path.write_text(path.read_text("utf-8") + own, encoding="utf-8")
    policy = load_policy(path)
    assert policy.resolve("halden").restricted.lists[0].names == ("Northwind Capital", "Visa")
    assert policy.resolve("other").restricted.lists[0].names == ("Visa",)


@pytest.mark.parametrize(
    ("lists", "told"),
    [
        ("    - {name: competitors, file: nowhere.txt}\n", r"bank.yaml:5: .*nowhere.txt cannot be read"),
        (
            "    - {name: c, names: [Visa], action: redact, directions: [input]}\n",
            r"bank.yaml:5: .*cannot redact a question",
        ),
        ("    - {name: c, name_s: [Visa]}\n", r"bank.yaml:5: .*'name_s' is unknown here; did you mean 'names'"),
    ],
)
def test_a_fault_in_a_list_is_told_with_its_line(tmp_path: Path, lists: str, told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        load_policy(written(tmp_path, lists))
