"""The restricted rail: names that are not spoken of, by the policy's lists, in whatever dress they come."""

from __future__ import annotations

from dataclasses import dataclass

from moderation.policy import RailPolicy
from moderation.policy.lists import RestrictedList
from moderation.rails.base import Rail, Seen, act, redaction
from moderation.rails.parts import RailParts, Readings
from moderation.severity import severity
from moderation.text.name_index import NameIndex
from moderation.types import Allow, Block, Direction, Edit, Finding, Verdict

_CATEGORY = "name"


@dataclass(frozen=True)
class _Found:
    start: int
    end: int
    owner: RestrictedList


def rail(parts: RailParts) -> Rail:
    return RestrictedRail(parts.rules, parts.policy.restricted.lists, parts.readings)


class RestrictedRail:
    def __init__(self, rules: RailPolicy, lists: tuple[RestrictedList, ...], readings: Readings) -> None:
        self._rules, self._readings = rules, readings
        self._lists = {
            direction: tuple(one for one in lists if direction in one.directions and one.names) for direction in Direction
        }
        self._indexes = {direction: _index(chosen) for direction, chosen in self._lists.items()}

    def judges(self, direction: Direction) -> bool:
        return bool(self._lists[direction])

    def judge(self, seen: Seen) -> Verdict:
        rules, direction = self._rules, seen.direction
        threshold = rules.threshold_for(_CATEGORY, direction)
        found = self._found(seen)
        if not found:
            return Allow(Finding("restricted", _CATEGORY, 0.0, threshold, "no restricted name"))
        actions = {one.owner.name: one.owner.action or rules.action_for(_CATEGORY, direction) for one in found}
        worst = max(actions.values(), key=severity)
        chosen = [one for one in found if actions[one.owner.name] == worst]
        lists = ", ".join(sorted({one.owner.name for one in chosen}))
        where = tuple((one.start, one.end) for one in chosen)
        finding = Finding("restricted", _CATEGORY, 1.0, threshold, f"names of the list {lists}", where)
        match worst:
            case "redact":
                edits = [Edit(one.start, one.end, one.owner.replacement) for one in chosen]
                return redaction(finding, seen.text, edits)
            case "block" if message := next((one.owner.message for one in chosen if one.owner.message), ""):
                return Block(finding, message, rules.words_for(_CATEGORY).alternatives)
            case action:
                return act(action, finding, rules)

    def _found(self, seen: Seen) -> list[_Found]:
        """Places in seen.text, each once; of a name that begins in what came before, the part that is here."""
        lists, index = self._lists[seen.direction], self._indexes[seen.direction]
        whole, at = seen.before + seen.text, len(seen.before)
        found: dict[tuple[int, int], _Found] = {}
        for variant in self._readings.variants(whole):
            for match in index.find(variant.text):
                if match.owner is None:
                    continue
                owner, (start, end) = lists[match.owner], variant.offset_text.span(match.start, match.end)
                if end > at and (not owner.capital or whole[start].isupper()):
                    found.setdefault((start, end), _Found(max(0, start - at), end - at, owner))
        return sorted(found.values(), key=lambda one: (one.start, -one.end))


def _index(lists: tuple[RestrictedList, ...]) -> NameIndex:
    excused = ((phrase, None) for one in lists for phrase in one.unless)
    named = ((name, number) for number, one in enumerate(lists) for name in one.names)
    return NameIndex([*excused, *named])
