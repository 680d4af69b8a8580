"""What differs between two policies, by what it means for a caller: stricter, looser, reworded, or otherwise changed.

Invariant: a policy does not differ from itself, and what is stricter one way is looser the other way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from moderation.policy.catalogue import RAILS
from moderation.policy.schema import Policy, RailPolicy, Words
from moderation.severity import OFF, severity
from moderation.types import Direction

Kind = Literal["stricter", "looser", "reworded", "changed"]
KINDS: tuple[Kind, ...] = ("looser", "stricter", "reworded", "changed")  # what a reviewer must see comes first

# Lists of which more is stricter, and those of which more is looser.
_MORE_IS_STRICTER = {("pii", "pseudonymise"), ("restricted", "names")}
_MORE_IS_LOOSER = {("topic", "in_scope")}
# Numbers of which a higher one is stricter.
_HIGHER_IS_STRICTER = {("topic", "similarity")}
_OPPOSITE: Mapping[Kind, Kind] = {"stricter": "looser", "looser": "stricter"}


@dataclass(frozen=True)
class Change:
    """One difference. whose: the tenant and audience for whom it holds, empty for everybody."""

    kind: Kind
    what: str
    old: str
    new: str
    whose: str = ""


def compare(old: Policy, new: Policy) -> list[Change]:
    """Everything that differs for everybody, then what differs beyond it for a tenant or an audience."""
    found = [*_whole(_plain(old), _plain(new)), *_audience_order(old, new)]
    everybody = set(found)
    for tenant, audience in _callers(old, new):
        whose = ", ".join(f"{kind} {name}" for kind, name in (("tenant", tenant), ("audience", audience)) if name)
        theirs = _whole(old.resolve(tenant, audience), new.resolve(tenant, audience))
        found += [Change(one.kind, one.what, one.old, one.new, whose) for one in theirs if one not in everybody]
    return _told_once(found)


def _plain(policy: Policy) -> Policy:
    return policy.resolve("", "")


def _callers(old: Policy, new: Policy) -> Iterator[tuple[str, str]]:
    """The tenants and audiences that either policy knows."""
    tenants = dict.fromkeys(("", *old.tenants, *new.tenants))
    audiences = dict.fromkeys(("", *old.audiences, *new.audiences))
    return ((tenant, audience) for tenant in tenants for audience in audiences if tenant or audience)


def _told_once(found: list[Change]) -> list[Change]:
    """Without what a tenant or an audience alone already says, for the two together."""
    said = set(found)

    def repeats(one: Change) -> bool:
        parts = one.whose.split(", ")
        return len(parts) == 2 and any(Change(one.kind, one.what, one.old, one.new, part) in said for part in parts)

    return [one for one in found if not repeats(one)]


def _audience_order(old: Policy, new: Policy) -> Iterator[Change]:
    """Who belongs to which audience; of two that fit, the first counts."""
    ours, theirs = ({name: tuple(layer["groups"]) for name, layer in one.audiences.items()} for one in (old, new))
    for name in dict.fromkeys((*ours, *theirs)):
        if ours.get(name) != theirs.get(name):
            yield Change("changed", f"audience {name}, groups", _listed(ours.get(name)), _listed(theirs.get(name)))
    kept, now = [name for name in ours if name in theirs], [name for name in theirs if name in ours]
    if kept != now:
        yield Change("changed", "order of the audiences", _listed(kept), _listed(now))


def _whole(old: Policy, new: Policy) -> list[Change]:
    """Two policies without layers."""
    found: list[Change] = []
    spoken = [language for language in old.languages if language in new.languages]  # `languages` itself tells the others
    for name in RAILS:
        found += _rail(name, old.rails.get(name), new.rails.get(name), spoken)
    before, after = (one.model_dump(mode="json", exclude={"rails", "tenants", "audiences"}) for one in (old, new))
    found += _rest((), before, after)
    return found


def _rail(name: str, old: RailPolicy | None, new: RailPolicy | None, languages: Sequence[str]) -> Iterator[Change]:
    """A rail that a policy does not name is off, and there is nothing else to compare."""
    categories = RAILS[name].categories
    for category in categories:
        what = name if categories == (category,) else f"{name}/{category}"
        actions = {d: (_action(old, category, d), _action(new, category, d)) for d in Direction}
        yield from _by_direction(f"{what}, action", actions)
        if old is None or new is None:
            continue
        # What a rail that does not judge would have needed is no difference.
        judging = [direction for direction, pair in actions.items() if OFF not in pair]
        thresholds = {d: (old.threshold_for(category, d), new.threshold_for(category, d)) for d in judging}
        yield from _by_direction(f"{what}, threshold", thresholds)
    if old is None or new is None:
        return
    if old.fail != new.fail:
        yield Change("looser" if new.fail == "allow" else "stricter", f"{name}, when it fails", old.fail, new.fail)
    yield from _words(name, old.words, new.words, languages)
    for category in categories:
        own = [one.categories[category].words if category in one.categories else None for one in (old, new)]
        if any(own):
            yield from _words(f"{name}/{category}", own[0] or old.words, own[1] or new.words, languages)


def _action(rail: RailPolicy | None, category: str, direction: Direction) -> str:
    return rail.action_for(category, direction) if rail is not None and rail.judges(direction) else OFF


def _by_direction(what: str, values: Mapping[Direction, tuple[Any, Any]]) -> Iterator[Change]:
    """One change where both directions move alike, otherwise one for each that moves."""
    if len(set(values.values())) == 1:
        old, new = next(iter(values.values()))
        if old != new:
            yield _moved(what, old, new)
        return
    for direction, (old, new) in values.items():
        if old != new:
            yield _moved(f"{what} ({direction})", old, new)


def _moved(what: str, old: Any, new: Any) -> Change:
    """An action, or a threshold, of which a lower one catches more."""
    stricter = severity(new) > severity(old) if isinstance(old, str) else new < old
    return Change("stricter" if stricter else "looser", what, str(old), str(new))


def _words(what: str, old: Words, new: Words, languages: Sequence[str]) -> Iterator[Change]:
    for part in ("message", "alternatives", "instruction"):
        before, after = getattr(old, part), getattr(new, part)
        if before != after:
            yield Change("reworded", f"{what}, {part}", _listed(before), _listed(after))
    for language in languages:
        before, after = (one.translations.get(language) for one in (old, new))
        for part in ("message", "alternatives"):
            texts = [_listed(getattr(one, part, None)) for one in (before, after)]
            if texts[0] != texts[1]:
                yield Change("reworded", f"{what}, {part} in {language}", *texts)


def _rest(where: tuple[str, ...], old: Any, new: Any) -> Iterator[Change]:
    """Whatever a policy has beside its rails."""
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _rest((*where, str(key)), old.get(key), new.get(key))
        return
    what, more = ".".join(where), _kind_of_more(where)
    if isinstance(old, list) and isinstance(new, list) and more != "changed":
        gone, come = [one for one in old if one not in new], [one for one in new if one not in old]
        if gone:
            yield Change(_OPPOSITE[more], what, _listed(gone), "")
        if come:
            yield Change(more, what, "", _listed(come))
    elif isinstance(old, int | float) and isinstance(new, int | float) and where in _HIGHER_IS_STRICTER:
        yield Change("stricter" if new > old else "looser", what, str(old), str(new))
    else:
        yield Change("changed", what, _listed(old), _listed(new))


def _kind_of_more(where: tuple[str, ...]) -> Kind:
    if where in _MORE_IS_STRICTER:
        return "stricter"
    return "looser" if where in _MORE_IS_LOOSER else "changed"


def _listed(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_listed(item)}" for key, item in value.items())
    return ", ".join(map(_listed, value)) if isinstance(value, Iterable) else str(value)
