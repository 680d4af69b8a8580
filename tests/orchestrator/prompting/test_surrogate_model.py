"""What a model reads and what is read from it, in a whole pipeline with the real map of pseudonyms: whatever the model
makes of a tag or a surrogate, and however it comes in pieces, the caller reads the original, and nobody else does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from moderation.pii.pseudonyms import ModelMessages, Pseudonyms, Style
from moderation.types import Direction
from orchestrator.journey.outgoing import SegmentOut
from orchestrator.prompting import messages as prompts
from tests.support.running_deployment import ScriptedModel, block, on, running_deployment, text_of

NAME, IBAN = "Alice Martin", "DE89 3704 0044 0532 0130 00"
QUESTION = f"I am {NAME} with {IBAN}: what is inflation?"


@dataclass
class RealMap:
    """The real map behind the pipeline's port; who is a person is told to it."""

    pseudonyms: Pseudonyms
    styles: Mapping[str, Style]

    def redact(self, text: str) -> tuple[str, Mapping[str, int]]:
        for entity, original in (("PERSON", NAME), ("IBAN_CODE", IBAN)):
            if original in text:
                text = text.replace(original, self.pseudonyms.tag(entity, original))
        self.pseudonyms.prepare(self.styles)
        return text, {}

    def cover(self, messages: Sequence[tuple[str, str]]) -> ModelMessages:
        return self.pseudonyms.cover(messages, self.styles)

    def restore(self, text: str, before: str) -> tuple[str, int]:
        return self.pseudonyms.restored(text, before)

    def dump(self) -> bytes:
        return self.pseudonyms.dump()


@dataclass
class RealRedact:
    styles: Mapping[str, Style]
    opened: list[RealMap] = field(default_factory=list)

    def open(self, dumped: bytes | None) -> RealMap:
        self.opened.append(RealMap(Pseudonyms() if dumped is None else Pseudonyms.load(dumped), self.styles))
        return self.opened[-1]


class Echo(ScriptedModel):
    """Says what `say` makes of the name and the IBAN that it reads in the question, in pieces of three characters."""

    def __init__(self, say: str) -> None:
        super().__init__([""])
        self._say = say

    def stream(self, messages, sampling, cancel, scope=""):  # type: ignore[no-untyped-def]
        self.asked.append(messages)
        read = re.search(r"I am (.+?) with (.+?): what", " ".join(text for _, text in messages))
        assert read
        name, iban = read.groups()
        given, _, surname = name.rpartition(" ")
        said = self._say.format(name=name, iban=iban, given=given, surname=surname, upper=name.upper())
        yield from (said[i : i + 3] for i in range(0, len(said), 3))
        return {"prompt_tokens": 1, "completion_tokens": 1, "finish_reason": "stop"}


def asked(say: str, style: Style) -> tuple[str, Echo, str]:
    """What the caller reads, the model, and everything that others saw."""
    model, redact = Echo(say), RealRedact({"default": style})
    with running_deployment(model=model, redact=redact) as deployment:
        out = deployment.ask(QUESTION)
        others = repr(
            (deployment.log.events, deployment.memory.turns, deployment.embed.seen, deployment.rails.seen, model.asked)
        )
        assert NAME in deployment.memory.pseudonyms["c1"].decode()
    assert not [o for o in out if not isinstance(o, SegmentOut) and NAME in repr(o)]
    return text_of(out), model, others


@pytest.mark.parametrize("style", ["tag", "surrogate"])
@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Good day {name}, your account {iban} is open. ", f"Good day {NAME}, your account {IBAN} is open. "),
        ("The account is held by {name}", f"The account is held by {NAME}"),
        ("{name}'s account. ", f"{NAME}'s account. "),
        ("Guten Tag **{name}**, wie geht es? ", f"Guten Tag **{NAME}**, wie geht es? "),
        ("Good day {upper}. ", f"Good day {NAME}. "),
        (f"{'word ' * 78}{{name}} and {{iban}} end. ", f"{'word ' * 78}{NAME} and {IBAN} end. "),
    ],
)
def test_the_caller_reads_the_original_and_nobody_else_does(said: str, read: str, style: Style) -> None:
    text, _, others = asked(said, style)
    assert text == read
    assert not [original for original in (NAME, "Alice", IBAN, IBAN[10:]) if original in others]


def test_a_model_reads_surrogates_and_the_record_and_the_rails_read_tags() -> None:
    text, model, others = asked("Dear Ms {surname}, or {given}: {iban}. ", "surrogate")
    assert text == f"Dear Ms Martin, or Alice: {IBAN}. "
    prompt = repr(model.asked)
    assert "<PERSON_1>" not in prompt
    assert re.search(r"DE\d\d 0000 0000", prompt)
    assert prompts.ABOUT_TAGS not in prompt
    assert "Dear Ms <PERSON_SURNAME_1>, or <PERSON_GIVEN_1>: <IBAN_CODE_1>." in others
    assert "'surrogates': {'PERSON': 1, 'IBAN_CODE': 1}" in others
    false = re.search(r"I am (.+?) with", prompt)
    assert false
    assert false[1] not in others.replace(prompt, "")


def test_with_tags_the_prompt_is_what_it_was() -> None:
    _, model, _ = asked("{name}. ", "tag")
    assert prompts.ABOUT_TAGS in model.asked[0][0][1]
    assert "I am <PERSON_1> with <IBAN_CODE_1>: what is inflation?" in model.asked[0][-1][1]


def test_a_later_turn_reads_the_same_surrogate_as_the_first() -> None:
    model, redact = Echo("Hello {name}, good to see you here. "), RealRedact({"default": "surrogate"})
    with running_deployment(model=model, redact=redact) as deployment:
        deployment.ask(QUESTION)
        out = deployment.ask(QUESTION, fresh=False)
    assert text_of(out).startswith(f"Hello {NAME}")
    first, second = (re.search(r"I am (.+?) with", messages[-1][1]) for messages in model.asked)
    assert first
    assert second
    assert first[1] == second[1]
    assert f"Hello {first[1]}" in repr(model.asked[1])


def test_a_blocked_answer_shows_no_part_of_a_name() -> None:
    rule = on(Direction.OUTPUT, "<PERSON_1>", block())
    with running_deployment(
        model=Echo("Good day {name}. "), redact=RealRedact({"default": "surrogate"}), rule=rule
    ) as deployment:
        out = deployment.ask(QUESTION)
    assert text_of(out) == ""
