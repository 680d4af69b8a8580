"""A policy file as it stands on disk: its tree, and the file and line of every part of it.

Invariant: every part of a `Sourced` tree has an origin, also after layers were laid over each other: the origin of
the layer that had the last word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from moderation.policy.layers import Where, laid_over, waits
from moderation.types import ModerationError

_MOST_PARTS = 100_000  # of one file; anchors can make a small file boundless
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class PolicyError(ModerationError):
    """A policy file that cannot be used. Each of `problems` is one line that starts with file:line."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class Origin:
    """Where something was written: a file, a line from 1, and its place in that file's own tree."""

    file: Path
    line: int
    where: Where = ()

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def layer(self) -> tuple[Path, Where]:
        """The file, and in it the tenant or the audience (or both) that it belongs to."""
        if self.where[:1] not in (("tenants",), ("audiences",)):
            return self.file, ()
        return self.file, self.where[: 4 if self.where[2:3] == ("audiences",) else 2]


@dataclass(frozen=True)
class Sourced:
    """A policy tree and where each part of it was written."""

    tree: dict[str, Any]
    origins: Mapping[Where, Origin]

    def origin(self, where: Where) -> Origin:
        """Of the deepest part of `where` that is written down."""
        while where not in self.origins and where:
            where = where[:-1]
        return self.origins[where]

    def part(self, *where: str) -> Sourced:
        """A mapping within the tree, as a tree of its own (empty where there is none)."""
        tree: Any = self.tree
        for key in where:
            tree = tree.get(key) if isinstance(tree, Mapping) else None
        size = len(where)
        inside = {place[size:]: origin for place, origin in self.origins.items() if place[:size] == where}
        return Sourced(dict(tree) if isinstance(tree, Mapping) else {}, {(): self.origin(where), **inside})

    def without(self, *keys: str) -> Sourced:
        return Sourced({key: value for key, value in self.tree.items() if key not in keys}, self.origins)

    def under(self, layer: Sourced) -> Sourced:
        """This tree with `layer` laid over it."""
        origins = {**self.origins, (): layer.origins[()]}
        _overwrite(origins, self.tree, layer.tree, layer.origins, ())
        return Sourced(laid_over(self.tree, layer.tree), origins)


def _overwrite(
    origins: dict[Where, Origin], base: Any, over: Mapping[str, Any], written: Mapping[Where, Origin], where: Where
) -> None:
    for key, value in over.items():
        here = (*where, str(key))
        below = base.get(key) if isinstance(base, Mapping) else None
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            origins[here] = written[here]
            _overwrite(origins, below, value, written, here)
            continue
        size = len(here)
        for gone in [place for place in origins if place[:size] == here]:
            del origins[gone]
        if value is not None or waits(here):
            origins.update({place: origin for place, origin in written.items() if place[:size] == here})


def read(path: Path) -> Sourced:
    """One file, without what it extends. Raises PolicyError, with every problem of its layout."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read ({error.strerror}); name a policy file") from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise PolicyError(f"{path}:1: a policy is a mapping with version, rails and pii")
        faults = [f"{path}:{line}: {what}" for line, what in sorted(_misread(node))]
        if faults:
            raise PolicyError(faults)
        tree = loader.construct_document(node)  # writes merged keys (<<) into the node
        origins = {where: Origin(path, line, where) for where, line in _lines(node)}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError(f"{path}:{line}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise PolicyError(f"{path}:1: not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise PolicyError(f"{path}:1: nested too deeply to be read; a policy needs few levels") from error
    return Sourced(tree, {(): Origin(path, 1), **origins})


def _misread(node: yaml.Node) -> Iterator[tuple[int, str]]:
    """Keys that stand twice or that YAML takes for something else than a name; what cannot be walked to its end."""
    open_nodes: list[tuple[yaml.Node, tuple[int, ...]]] = [(node, ())]
    parts = 0
    while open_nodes:
        one, above = open_nodes.pop()
        parts += 1
        if id(one) in above or parts > _MOST_PARTS:
            yield one.start_mark.line + 1, "an anchor holds itself, or too much; write the parts out"
            return
        if isinstance(one, yaml.MappingNode):
            first: dict[str, int] = {}
            for key, value in one.value:
                line = key.start_mark.line + 1
                if not isinstance(key, yaml.ScalarNode):
                    yield line, "a key must be a name"
                    continue
                if not key.tag.endswith((":str", ":merge")):
                    yield line, f"key {key.value} is not read as a name but as {_kind(key)}; put it in quotes"
                if key.value in first and not key.tag.endswith(":merge"):
                    yield line, f"key '{key.value}' stands here and on line {first[key.value]}; keep one of them"
                first.setdefault(key.value, line)
                open_nodes.append((value, (*above, id(one))))
        elif isinstance(one, yaml.SequenceNode):
            open_nodes += [(value, (*above, id(one))) for value in one.value]


def _kind(node: yaml.ScalarNode) -> str:
    kinds = {"bool": "true or false", "int": "a number", "float": "a number", "null": "nothing", "timestamp": "a date"}
    return kinds.get(node.tag.rpartition(":")[2], "something else")


def _lines(node: yaml.Node, where: Where = ()) -> Iterator[tuple[Where, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*where, str(key.value))
            yield here, key.start_mark.line + 1
            yield from _lines(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*where, str(index))
            yield here, value.start_mark.line + 1
            yield from _lines(value, here)
