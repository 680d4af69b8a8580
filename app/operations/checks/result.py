"""What a check says: one line a thing looked at, with the way out where it is not well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from app.settings import Settings

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """name: the thing; told: what was found; fix: what to do, empty where it is well.

    warn: it works, and somebody should know. fail: it will not work, or a promise does not hold.
    """

    name: str
    state: State
    told: str
    fix: str = ""


Look = Callable[[Settings], Iterable[Check]]


def looked(looks: Iterable[tuple[str, Look]], settings: Settings) -> Iterator[Check]:
    """Every look's checks. One that breaks is a failure of its own, and the others go on."""
    for name, look in looks:
        try:
            yield from look(settings)
        except Exception as error:
            told = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            yield Check(name, "fail", told, "mend what it says, then run doctor again")
