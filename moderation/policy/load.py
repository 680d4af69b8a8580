"""Reads policy files and what they extend. Every problem is told, each in one line that starts with file:line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from moderation.policy.catalogue import RAILS, near
from moderation.policy.checks import Problem, problems
from moderation.policy.layers import Where, laid_over, layer_places, layers_of, stale, vain
from moderation.policy.lists import filled
from moderation.policy.rail_defaults import over_defaults
from moderation.policy.schema import Policy
from moderation.policy.schema_errors import misshapen
from moderation.policy.source import Origin, PolicyError, Sourced, read

DEFAULT_PATH = Path(__file__).parent.parent / "policies" / "default.yaml"
_DEFAULT = "default"


@dataclass(frozen=True)
class PolicyFile:
    """A policy with what it was read from. files: the file itself first, then what it extends, then lists of names."""

    policy: Policy
    sourced: Sourced
    files: tuple[Path, ...]

    def resolve(self, tenant: str = "", audience: str = "") -> PolicyFile:
        """Policy.resolve, with the origin of every value."""
        layered = _layered(self.sourced, tenant, audience)
        return PolicyFile(self.policy.resolve(tenant, audience), layered, self.files)

    def origin(self, *where: str) -> Origin:
        """Where a value was written; for one that nobody wrote, where the mapping around it was."""
        return self.sourced.origin(where)

    def wrote(self, *where: str) -> bool:
        """Whether a value was written at all, or is the schema's own."""
        return where in self.sourced.origins


def load_policy(path: Path | None = None) -> Policy:
    """Read and check a policy file (the shipped default without a path).

    Raises PolicyError: its `problems` are lines "file:line: what is wrong; what is known".
    """
    return read_policy(path).policy


def read_policy(path: Path | None = None) -> PolicyFile:
    """The same, with where each value was written."""
    files, sourced, faults = _read(path or DEFAULT_PATH, ())
    sourced = over_defaults(sourced)
    sourced, listed = filled(sourced)
    faults += _layering_faults(sourced)
    try:
        policy = Policy.model_validate(sourced.tree)
        for tenant, audience in _pairs(sourced):
            policy.resolve(tenant, audience)
    except ValidationError as error:
        raise PolicyError(_lines([*faults, *_value_faults(sourced)], files)) from error
    if faults:
        raise PolicyError(_lines(faults, files))
    return PolicyFile(policy, sourced, (*files, *listed))


@dataclass(frozen=True)
class _Fault:
    file: Path
    line: int
    what: str


def _fault(origin: Origin, what: str) -> _Fault:
    return _Fault(origin.file, origin.line, what)


def _lines(faults: Iterable[_Fault], files: Sequence[Path]) -> list[str]:
    """In the order of who reads them: their own file first, from its top."""

    def place(one: _Fault) -> tuple[int, int, str]:  # a rail's own default is in none of the files
        return files.index(one.file) if one.file in files else len(files), one.line, one.what

    ordered = sorted(set(faults), key=place)
    return [f"{one.file}:{one.line}: {one.what}" for one in ordered]


# --- files that extend files ------------------------------------------------------------------------


def _read(path: Path, extending: tuple[Path, ...]) -> tuple[tuple[Path, ...], Sourced, list[_Fault]]:
    """A file laid over what it extends. extending: the files that led to it."""
    own = read(path)
    if "extends" not in own.tree:
        return (path,), own, _overlay_faults(Sourced({}, own.origins), own)
    parent = _parent(path, own, (*extending, path))
    files, base, faults = _read(parent, (*extending, path))
    if "version" not in own.tree:
        faults.append(_fault(own.origin(("extends",)), "a policy that extends another needs a version of its own; add one"))
    own = own.without("extends")
    return (path, *files), base.under(own), [*faults, *_overlay_faults(base, own)]


def _parent(path: Path, own: Sourced, chain: tuple[Path, ...]) -> Path:
    named, origin = own.tree["extends"], own.origin(("extends",))
    if not isinstance(named, str) or not named:
        raise PolicyError(f"{origin}: extends: name `{_DEFAULT}` or one policy file, relative to this one")
    parent = DEFAULT_PATH if named == _DEFAULT else path.parent / named
    if any(parent.resolve() == one.resolve() for one in chain):
        raise PolicyError(f"{origin}: policies extend each other in a circle: {' -> '.join(map(str, (*chain, parent)))}")
    if not parent.is_file():
        beside = sorted(one.name for one in path.parent.glob("*.yaml") if one.name != path.name)
        raise PolicyError(f"{origin}: extends '{named}': there is no file {parent};{near(named, [_DEFAULT, *beside])}")
    return parent


def _overlay_faults(base: Sourced, own: Sourced) -> list[_Fault]:
    """What the upper of two layers must not do."""
    faults = [
        _fault(own.origin(where), f"{_name(own, where)}: stands there empty and nothing is inherited that it would remove")
        for where in vain(base.tree, own.tree)
    ]
    for where, languages in stale(base.tree, own.tree):
        old = base.origin((*where[:-1], "translations", languages[0], where[-1]))
        told = f"{_name(own, where)}: is reworded, but its translation into {', '.join(languages)} is still that of {old};"
        faults.append(_fault(own.origin(where), f"{told} translate it too, or take the language out of `languages`"))
    return faults


# --- layers within a file ---------------------------------------------------------------------------


def _pairs(sourced: Sourced) -> Iterator[tuple[str, str]]:
    """Every tenant and audience that there can be, nobody in particular among them."""
    tenants, audiences = sourced.part("tenants").tree, sourced.part("audiences").tree
    return product(("", *map(str, tenants)), ("", *map(str, audiences)))


def _layers(sourced: Sourced, tenant: str, audience: str) -> Iterator[Sourced]:
    for where in layer_places(tenant, audience):
        layer = sourced.part(*where).without("groups", "audiences")
        if layer.tree:
            yield layer


def _layered(sourced: Sourced, tenant: str, audience: str) -> Sourced:
    whole = sourced.without("tenants", "audiences")
    for layer in _layers(sourced, tenant, audience):
        whole = whole.under(layer)
    return whole


def _layering_faults(sourced: Sourced) -> list[_Fault]:
    faults: list[_Fault] = []
    for pair in _pairs(sourced):
        if not _layers_well(sourced.tree, *pair):
            whole = sourced.without("tenants", "audiences")
            for layer in _layers(sourced, *pair):
                faults += _overlay_faults(whole, layer)
                whole = whole.under(layer)
    return faults


def _layers_well(tree: Mapping[str, Any], tenant: str, audience: str) -> bool:
    """The same question without the origins: a policy of many tenants is read in a fifth of the time."""
    for layer in layers_of(tree, tenant, audience):
        if any(vain(tree, layer)) or any(stale(tree, layer)):
            return False
        tree = laid_over(tree, layer)
    return True


# --- values -----------------------------------------------------------------------------------------


def _value_faults(sourced: Sourced) -> list[_Fault]:
    """Every problem of the whole policy and of each tenant's and audience's, a place that is not written down once."""
    faults: list[_Fault] = []
    told: set[Problem] = set()
    for whole in (sourced, *(_layered(sourced, *pair) for pair in _pairs(sourced))):
        for problem in (*problems(whole.tree), *_shape(whole)):
            if problem not in told or problem.where in whole.origins:
                faults.append(_located(whole, problem))
            told.add(problem)
    return faults


def _shape(whole: Sourced) -> list[Problem]:
    """Of a rail that nobody knows, its name is the one problem."""
    try:
        Policy.model_validate(whole.tree)
    except ValidationError as error:
        found = misshapen(Policy, whole.tree, error)
        return [one for one in found if one.where[:1] != ("rails",) or len(one.where) < 2 or one.where[1] in RAILS]
    return []


def _located(whole: Sourced, problem: Problem) -> _Fault:
    what = f"{_name(whole, problem.where)}: {problem.what}" if problem.named else problem.what
    written, cause = whole.origin(problem.where), whole.origin(problem.cause)
    if problem.cause and written.layer != cause.layer:
        return _fault(cause, f"{what} ({written})")
    return _fault(written, what)


def _name(sourced: Sourced, where: Where) -> str:
    """A place's name in the file where it was written."""
    at = len(where)
    while where[:at] not in sourced.origins:
        at -= 1
    return ".".join((*sourced.origins[where[:at]].where, *where[at:])) or "policy"
