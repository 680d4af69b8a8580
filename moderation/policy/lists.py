"""Lists of restricted names: what a policy says of them, and the files that their names are read from.

Invariant: a policy that was loaded holds every name itself, so that its digest changes with the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from moderation.policy.layers import LATER, Where
from moderation.policy.source import Origin, PolicyError, Sourced
from moderation.severity import Action
from moderation.types import Direction

LARGEST = 50_000_000  # bytes of one file of names


class RestrictedList(BaseModel):
    """Names that are not spoken of.

    names         as they are written; matched whatever their case, accents, look-alike letters, hyphens and spaces
    file          more of them, one a line ('#' begins a comment), relative to the policy's file
    action        what a name comes to; without one, what the rail's own `action` says
    directions    where they are looked for
    message       what a person reads on a block, in place of the rail's own
    replacement   what stands in the name's place on redact
    unless        longer phrases that hold a name and are harmless ("target date fund" for Target)
    capital       the names count only where they begin with a capital letter, as "Target" does and "target" does not
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    names: tuple[str, ...] = ()
    file: str = ""
    action: Action | None = None
    directions: tuple[Direction, ...] = (Direction.OUTPUT,)
    message: str = ""
    replacement: str = "another firm"
    unless: tuple[str, ...] = ()
    capital: bool = False

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.action == "redact" and Direction.INPUT in self.directions:
            raise ValueError(f"list '{self.name}' cannot redact a question, which a bot has read by then; block or steer it")
        return self


class RestrictedPolicy(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    lists: tuple[RestrictedList, ...] = ()


def filled(sourced: Sourced) -> tuple[Sourced, tuple[Path, ...]]:
    """The tree with the names of every list's file among its names, and those files. Raises PolicyError."""
    files: list[Path] = []
    return Sourced(_filled(sourced.tree, (), sourced, files), sourced.origins), tuple(files)


def _filled(tree: Mapping[str, Any], where: Where, sourced: Sourced, files: list[Path]) -> dict[str, Any]:
    whole = dict(tree)
    for key, value in tree.items():
        here = (*where, str(key))
        if key == "restricted" and isinstance(value, Mapping) and isinstance(value.get("lists"), list | tuple):
            lists = [_with_names(one, (*here, "lists", str(n)), sourced, files) for n, one in enumerate(value["lists"])]
            whole[key] = {**value, "lists": lists}
        elif (key in LATER or (where and where[0] in LATER and len(where) < 4)) and isinstance(value, Mapping):
            whole[key] = _filled(value, here, sourced, files)
    return whole


def _with_names(one: Any, where: Where, sourced: Sourced, files: list[Path]) -> Any:
    if not isinstance(one, Mapping) or not isinstance(one.get("file"), str) or not one["file"]:
        return one
    origin = sourced.origin((*where, "file"))
    path = origin.file.parent / one["file"]
    files.append(path)
    given = one.get("names") or ()
    return {**one, "names": [*(given if isinstance(given, list | tuple) else ()), *_read(path, origin)]}


def _read(path: Path, origin: Origin) -> Iterator[str]:
    try:
        if path.stat().st_size > LARGEST:
            raise PolicyError(f"{origin}: {path} is over {LARGEST // 1_000_000} MB; name a file of names, one a line")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PolicyError(f"{origin}: {path} cannot be read ({error.strerror}); name a file of names, one a line") from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"{origin}: {path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    for line in text.splitlines():
        if name := line.partition("#")[0].strip():
            yield name
