"""What must be true of a policy beyond its shape: names are known, nothing is missing, every promise is kept.

Invariant: a check reads a plain tree, and takes a wrongly shaped one without failing: what has the wrong shape is told
by the schema, and everything else is still checked. So all problems of a file are told at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moderation.pii.entities import ALIASES, ENTITIES
from moderation.policy.catalogue import RAILS, is_language, near, unknown, unknown_language
from moderation.policy.layers import Where
from moderation.types import Direction, millionths

# What a tenant or an audience cannot have of its own.
_WHOLE = ("version", "extends", "tenants")


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong at one place of a policy.

    named: whether the place's name goes before what is said of it. cause: another place, which is to blame where a
    layer below wrote the first one."""

    where: Where
    what: str
    named: bool = False
    cause: Where = ()


def problems(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Everything that is wrong with a whole policy, and how its layers are named."""
    yield from _rails(tree)
    yield from _languages(tree)
    yield from _entities(tree)
    yield from _layers(tree)


def _rails(tree: Mapping[str, Any]) -> Iterator[Problem]:
    rails = tree.get("rails")
    if not isinstance(rails, Mapping):
        return
    for name, rail in rails.items():
        here = ("rails", str(name))
        if name not in RAILS:
            yield Problem(here, unknown("rail", str(name), sorted(RAILS)))
        elif isinstance(rail, Mapping):
            yield from _categories(here, rail)
            yield from _thresholds((*here, "thresholds"), _mapping(rail.get("thresholds")))
            yield from _actions(here, rail)


def _categories(here: Where, rail: Mapping[str, Any]) -> Iterator[Problem]:
    name, known = here[-1], RAILS[here[-1]].categories
    for section in ("thresholds", "categories"):
        for category in _mapping(rail.get(section)):
            if category not in known:
                told = unknown("category", str(category), known, of=f"rail '{name}'", plural="categories")
                yield Problem((*here, section, str(category)), told)
    if isinstance(thresholds := rail.get("thresholds"), Mapping):
        missing = [category for category in known if category not in thresholds]
        if missing:
            told = f"rail '{name}' gives no threshold for {', '.join(missing)}; add one between 0 and 1"
            yield Problem((*here, "thresholds", missing[0]), told)


def _thresholds(here: Where, thresholds: Mapping[str, Any]) -> Iterator[Problem]:
    for category, given in thresholds.items():
        where = (*here, str(category))
        values = (
            [((*where, str(d)), value) for d, value in given.items()] if isinstance(given, Mapping) else [(where, given)]
        )
        if isinstance(given, Mapping) and set(given) != set(Direction):
            yield Problem(where, f"threshold of '{category}' by direction needs both input and output")
        for place, value in values:
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if not 0.0 < value <= 1.0:
                yield Problem(place, f"threshold of '{category}' is {value}; it must be above 0 and at most 1")
            elif abs(value * 1e6 - millionths(value)) > 1e-6:
                told = f"threshold of '{category}' is {value}; give at most six decimals, the record keeps no more"
                yield Problem(place, told)


def _actions(here: Where, rail: Mapping[str, Any]) -> Iterator[Problem]:
    """An action needs a rail that can carry it out, and steering needs an instruction."""
    name, given = here[-1], [((*here, "action"), rail.get("action", "block"))]
    for category, rule in _mapping(rail.get("categories")).items():
        action = _mapping(rule).get("action")
        if action is not None:
            given.append(((*here, "categories", str(category), "action"), action))
    for where, action in given:
        chosen = list(_mapping(action).values()) or [action]
        if "redact" in chosen and not RAILS[name].redacts:
            yield Problem(where, f"rail '{name}' cannot redact, it finds no spans; use block, steer or allow")
        if "steer" in chosen and not _mapping(rail.get("words")).get("instruction"):
            yield Problem(where, f"rail '{name}' steers but its words give no instruction; add one")


def _languages(tree: Mapping[str, Any]) -> Iterator[Problem]:
    declared = _names(tree.get("languages"))
    written = tree.get("language") or (declared[0] if declared else "")
    for index, language in enumerate(declared):
        if not is_language(language):
            yield Problem(("languages", str(index)), unknown_language(language))
    if written and isinstance(written, str) and written not in declared:
        known = ", ".join(declared) or "none"
        yield Problem(("language",), f"language '{written}' is not among the languages ({known}); add it to them")
    yield from _answers_words(tree, declared)
    for where, words in _all_words(tree):
        said = _mapping(words.get("translations"))
        yield from _frame(where, words, str(written))
        for index, language in enumerate(declared):
            if language != written and language not in said and is_language(language):
                told = f"not translated into '{language}', which `languages` promises; translate it"
                yield Problem((*where, "translations", language), told, named=True, cause=("languages", str(index)))
        for language, translation in said.items():
            here = (*where, "translations", str(language))
            if language not in declared:
                told = f"translation into '{language}' is not among the languages ({', '.join(declared) or 'none'});"
                yield Problem(here, f"{told}{near(str(language), declared)} add it to `languages`, or take it out")
            elif language == written:
                yield Problem(here, f"the words themselves are in '{language}'; take this translation out")
            ours, theirs = words.get("alternatives"), _mapping(translation).get("alternatives")
            if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple) and len(ours) != len(theirs):
                yield Problem(
                    here, f"{len(theirs)} alternatives in '{language}' for {len(ours)} in '{written}'; translate each"
                )


def _frame(where: Where, words: Mapping[str, Any], written: str) -> Iterator[Problem]:
    """What stands before and after a steered answer is said in every language, or in none. A translation that is not there
    at all is told by itself."""
    said = {written: words, **{str(name): _mapping(given) for name, given in _mapping(words.get("translations")).items()}}
    for part in ("preface", "closing"):
        has = [language for language, given in said.items() if given.get(part)]
        for language in said if has else ():
            if language not in has:
                place = where if language == written else (*where, "translations", language)
                told = f"is not said in '{language}', though it is in {', '.join(has)}; write it, or take it out of all"
                yield Problem((*place, part), told, named=True)


def _answers_words(tree: Mapping[str, Any], declared: Sequence[str]) -> Iterator[Problem]:
    """The schema's own words of `answers` are English; who promises other languages writes them. A notice stands before
    general explanations alone."""
    answers = _mapping(tree.get("answers"))
    own = "withheld" in answers
    notices = _mapping(answers.get("notice", {"en": True}))
    explains = answers.get("closed_book", "concepts") == "concepts"
    for index, language in enumerate(declared):
        lacking = {"withheld": not own and language != "en", "notice": explains and not notices.get(language)}
        for name in (name for name, lacks in lacking.items() if lacks and is_language(language)):
            promise = ("languages", str(index))
            told = f"answers.{name} is not said in '{language}', which `languages` promises; write it"
            yield Problem(("answers", name) if answers else promise, told, cause=promise)


def _all_words(tree: Mapping[str, Any]) -> Iterator[tuple[Where, Mapping[str, Any]]]:
    withheld = _mapping(tree.get("answers")).get("withheld")
    if isinstance(withheld, Mapping):
        yield ("answers", "withheld"), withheld
    for name, rail in _mapping(tree.get("rails")).items():
        places: list[tuple[Where, Any]] = [(("rails", str(name), "words"), _mapping(rail).get("words"))]
        for category, rule in _mapping(_mapping(rail).get("categories")).items():
            places.append((("rails", str(name), "categories", str(category), "words"), _mapping(rule).get("words")))
        yield from ((where, words) for where, words in places if isinstance(words, Mapping))


def _entities(tree: Mapping[str, Any]) -> Iterator[Problem]:
    known = sorted({*ENTITIES, *ALIASES})
    for listed in ("pseudonymise", "quotable"):
        for index, name in enumerate(_names(_mapping(tree.get("pii")).get(listed))):
            if name not in known:
                told = unknown("entity", name, sorted(ENTITIES), plural="entities") if not near(name, ALIASES) else ""
                yield Problem(("pii", listed, str(index)), told or unknown("entity", name, known, plural="entities"))
    for name in _mapping(_mapping(tree.get("pii")).get("pseudonym")):
        if name != "default" and name not in known:
            yield Problem(("pii", "pseudonym", str(name)), unknown("entity", str(name), sorted(ENTITIES), plural="entities"))


def _layers(tree: Mapping[str, Any]) -> Iterator[Problem]:
    audiences, tenants = _mapping(tree.get("audiences")), _mapping(tree.get("tenants"))
    for name, layer in audiences.items():
        if isinstance(layer, Mapping):
            yield from _audience(("audiences", str(name)), layer)
    for tenant, layer in tenants.items():
        if not isinstance(layer, Mapping):
            continue
        here = ("tenants", str(tenant))
        yield from _of_the_whole(here, layer, (*_WHOLE, "groups"))
        own = layer.get("audiences", {})
        if not isinstance(own, Mapping):
            yield Problem((*here, "audiences"), "is a mapping from an audience to what differs for it", named=True)
            continue
        for name, inner in own.items():
            place = (*here, "audiences", str(name))
            if name not in audiences:
                told = unknown("audience", str(name), audiences)
                yield Problem(place, f"{told}; name its groups under `audiences` of the whole policy")
            elif isinstance(inner, Mapping):
                yield from _of_the_whole(place, inner, (*_WHOLE, "groups", "audiences"))
            else:
                yield Problem(place, "is a mapping of what differs for this tenant's audience", named=True)


def _audience(here: Where, layer: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _of_the_whole(here, layer, (*_WHOLE, "audiences"))
    groups = layer.get("groups")
    if not isinstance(groups, list | tuple) or not groups or not all(isinstance(one, str) and one for one in groups):
        yield Problem((*here, "groups"), f"audience '{here[-1]}' needs groups: a list of the groups whose members it is for")


def _of_the_whole(here: Where, layer: Mapping[str, Any], keys: Iterable[str]) -> Iterator[Problem]:
    for key in keys:
        if key in layer:
            yield Problem((*here, key), f"'{key}' cannot differ here; it belongs to the whole policy")


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _names(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else []
