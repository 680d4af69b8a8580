"""What a moderation policy is: the rails, their categories, thresholds, actions and words, as pydantic models.

Invariant: a `Policy` that exists is complete (of every rail that it names, every category has a threshold), and its
digest depends on its meaning alone: comments, order and layout of the file do not change it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from moderation.pii.entities import ALIASES
from moderation.policy.catalogue import RAILS
from moderation.policy.checks import problems
from moderation.policy.layers import laid_over, layers_of
from moderation.policy.lists import RestrictedPolicy
from moderation.severity import Action
from moderation.types import Direction, millionths


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Translation(_Strict):
    """The same words for who reads another language."""

    message: str = Field(min_length=1)
    alternatives: tuple[str, ...] = Field(min_length=1)
    preface: str = ""
    closing: str = ""


class Words(_Strict):
    """What a person reads on a block, and what the model reads on a steer.

    preface, closing: what a person reads before and after the answer to a question that was steered: that no personal
    recommendation is given, the warning of a risk, the way to an adviser.
    """

    message: str = Field(min_length=1)
    alternatives: tuple[str, ...] = Field(min_length=1)
    instruction: str = ""
    preface: str = ""
    closing: str = ""
    translations: Mapping[str, Translation] = {}

    def spoken(self, language: str) -> Words:
        """These words in a language ("de"; "de-AT" finds "de"), or as they were written where nobody translated them."""
        for name in (language, language.partition("-")[0].lower()):
            if (found := self.translations.get(name)) is not None:
                said = found.model_dump() | {
                    "preface": found.preface or self.preface,
                    "closing": found.closing or self.closing,
                }
                return self.model_copy(update=said)
        return self


class CategoryRule(_Strict):
    """What one category does where it differs from its rail."""

    action: Action | Mapping[Direction, Action] | None = None
    words: Words | None = None


class RailPolicy(_Strict):
    enabled: bool = True
    directions: tuple[Direction, ...] = (Direction.INPUT, Direction.OUTPUT)
    thresholds: Mapping[str, float | Mapping[Direction, float]]
    action: Action | Mapping[Direction, Action] = "block"
    fail: Literal["block", "allow"] = "block"
    words: Words
    categories: Mapping[str, CategoryRule] = {}

    def judges(self, direction: Direction) -> bool:
        """Whether the rail is switched on in this direction."""
        return self.enabled and direction in self.directions

    def threshold_for(self, category: str, direction: Direction) -> float:
        given = self.thresholds[category]
        return given[direction] if isinstance(given, Mapping) else given

    def action_for(self, category: str, direction: Direction) -> Action:
        rule = self.categories.get(category)
        action = rule.action if rule is not None and rule.action is not None else self.action
        return action if isinstance(action, str) else action.get(direction, "block")

    def words_for(self, category: str, language: str = "") -> Words:
        """What is said of a category, in a language where its words have a translation into it."""
        rule = self.categories.get(category)
        words = rule.words if rule is not None and rule.words is not None else self.words
        return words.spoken(language) if language else words

    def spoken(self, language: str) -> RailPolicy:
        """The same rules with their words in a language, where they are translated into it."""
        categories = {
            name: rule.model_copy(update={"words": rule.words.spoken(language)}) if rule.words else rule
            for name, rule in self.categories.items()
        }
        return self.model_copy(update={"words": self.words.spoken(language), "categories": categories})


Style = Literal["tag", "surrogate"]


class PiiPolicy(_Strict):
    """Which entities become pseudonyms before anything else sees the text, and what a model reads in their place.

    pseudonym: `tag` (<PERSON_1>) or `surrogate` (a false but well-formed value); by entity too, where `default` names
    the style of those that are not listed (tag, unless it says otherwise).
    quotable: entities that an answer may show as a cited document writes them: how to reach the firm stands in its own
    documents, and who asks may read them."""

    pseudonymise: tuple[str, ...] = Field(min_length=1)
    quotable: tuple[str, ...] = ("EMAIL_ADDRESS", "PHONE_NUMBER")
    pseudonym: Style | Mapping[str, Style] = "tag"

    @property
    def styles(self) -> Mapping[str, Style]:
        """The style by entity (by our own names for them), with `default`."""
        given = {"default": self.pseudonym} if isinstance(self.pseudonym, str) else self.pseudonym
        return {"default": "tag", **{ALIASES.get(name, name): style for name, style in given.items()}}


class TopicPolicy(_Strict):
    """What belongs to this service, in examples and in words: a question near one of them is in scope.

    description: a sentence for each field of work ("Home, car and travel insurance: cover, premiums and claims.").
    A question is less like a description than like another question, so the two have their own similarities (cosine).
    """

    in_scope: tuple[str, ...] = ()
    similarity: float = Field(default=0.6, gt=0.0, le=1.0)
    description: str = ""
    description_similarity: float = Field(default=0.25, gt=0.0, le=1.0)


class AnswerPolicy(_Strict):
    """What an answer may rest on, and what is said where none may be given.

    closed_book    what a model may say from its own memory: `off` nothing; `language_tasks` work on a text that the caller
                   gave; `concepts` general notions as well. Never a fact about somebody, something, a price, a date or a law
    sure           the least chance to be right, 0..1, of an answer from the documents; below it the answer is withheld
    withheld       what is said then: who can help stands among its alternatives
    notice         what stands before a general explanation, by language
    """

    closed_book: Literal["off", "language_tasks", "concepts"] = "concepts"
    sure: float = Field(default=0.6, ge=0.0, le=1.0)
    withheld: Words = Words(
        message="I could not find an answer to that in the documents you may read, so I would rather not give one.",
        alternatives=("Ask your usual contact at the firm.",),
    )
    notice: Mapping[str, str] = {"en": "General explanation, not from our documents."}


class Policy(_Strict):
    """One deployment's policy, and the layers that tenants and audiences lay over it.

    rails       what holds for each rail; one that is not among them is off
    language    the one that words are written in; empty: the first of `languages`
    languages   those in which every message can be read; the first is for readers who name none of them
    audiences   name to {groups: […], and what differs for them}, the first that fits counts
    tenants     name to what differs for it, `audiences` of its own among it
    """

    version: str = Field(min_length=1)
    language: str = ""
    languages: tuple[str, ...] = ()
    rails: Mapping[str, RailPolicy]
    pii: PiiPolicy
    topic: TopicPolicy = TopicPolicy()
    restricted: RestrictedPolicy = RestrictedPolicy()
    answers: AnswerPolicy = AnswerPolicy()
    audiences: Mapping[str, Mapping[str, Any]] = {}
    tenants: Mapping[str, Mapping[str, Any]] = {}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        found = [problem.what for problem in problems(self.model_dump(mode="json"))]
        if found:
            raise ValueError("; ".join(found))
        return self

    @property
    def redacted_first(self) -> tuple[str, ...]:
        """The entities that go before anything else sees a question: those that become pseudonyms, and secrets,
        unless the policy takes no offence at them."""
        secrets, direction = self.rails.get("secrets"), Direction.INPUT
        if secrets is not None and secrets.judges(direction):
            actions = {secrets.action_for(category, direction) for category in RAILS["secrets"].categories}
            if actions != {"allow"}:
                return (*self.pii.pseudonymise, "SECRET")
        return tuple(name for name in self.pii.pseudonymise if name != "SECRET")

    @property
    def unnamed_rails(self) -> tuple[str, ...]:
        """The rails that this policy does not name, so that they are off; a newer version may have brought them."""
        return tuple(name for name in RAILS if name not in self.rails)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical form: sorted compact ASCII JSON, numbers as millionths."""
        whole = _without_fractions(self.model_dump(mode="json"))
        whole["audiences"] = list(whole["audiences"].items())  # of two that fit, the first counts: their order is meaning
        canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()

    def resolve(self, tenant: str = "", audience: str = "") -> Policy:
        """What holds for one tenant's caller, with a digest of its own and no layers left in it.

        Laid over each other: this policy, the audience's layer, the tenant's, the tenant's for the audience. A name
        that the policy does not know adds nothing. Safe to call from many threads: what is remembered is the same for all.
        """
        if not self.tenants and not self.audiences:
            return self
        asked = (tenant if tenant in self.tenants else "", audience if audience in self.audiences else "")
        if asked not in self._resolved:
            self._resolved[asked] = self._laid(*asked)
        return self._resolved[asked]

    @cached_property
    def _resolved(self) -> dict[tuple[str, str], Policy]:
        return {}

    def audience_of(self, groups: frozenset[str]) -> str:
        """The first audience, in the file's order, one of whose groups the caller is in; "" where there is none."""
        return next((name for name, layer in self.audiences.items() if not groups.isdisjoint(layer["groups"])), "")

    def language_for(self, wanted: Sequence[str]) -> str:
        """The first wanted language ("de-AT" finds "de") that this policy speaks, or its first; "" if it names none."""
        for name in wanted:
            for known in (name, name.partition("-")[0].lower()):
                if known in self.languages:
                    return known
        return self.languages[0] if self.languages else ""

    def spoken(self, language: str) -> Policy:
        """The same policy with its words in a language. It is for rails to speak from: records name this one's digest."""
        rails = {name: rail.spoken(language) for name, rail in self.rails.items()} if language else self.rails
        withheld = self.answers.withheld.spoken(language) if language else self.answers.withheld
        answers = self.answers.model_copy(update={"withheld": withheld})
        return self.model_copy(update={"rails": rails, "answers": answers})

    def _laid(self, tenant: str, audience: str) -> Policy:
        whole = self.model_dump(mode="json")
        for layer in layers_of(whole, tenant, audience):
            whole = laid_over(whole, layer)
        return Policy.model_validate({**whole, "tenants": {}, "audiences": {}})


def _without_fractions(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return millionths(value)
    if isinstance(value, Mapping):
        return {key: _without_fractions(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_fractions(item) for item in value]
    return value
