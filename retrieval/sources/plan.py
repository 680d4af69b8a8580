"""What a sync has to do, decided from what the source lists, what was taken over before, and the firm's mapping. No I/O.

Invariant: an item leaves the plan only by a listing that is whole; what could not be seen stays as it was.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from retrieval.documents.find import UNKNOWN
from retrieval.documents.parse import LARGEST
from retrieval.sources.mirror import Known
from retrieval.sources.rights import Rights
from retrieval.sources.types import Item, Listing
from retrieval.types import Problem

_FEW_GONE = 5  # so many items may leave a source unasked, even if they are most of it


@dataclass
class Plan:
    """fetch: new items, those of another version or under another name; keep: as they were, but for their readers; gone:
    ids that the source holds no more; closed: ids of items that nobody may read any more. nobody: items without readers
    that the firm may not know of. missing: why what is gone stays; '' where it goes."""

    fetch: list[tuple[Item, frozenset[str]]] = field(default_factory=list)
    keep: list[tuple[Item, frozenset[str]]] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    nobody: list[Problem] = field(default_factory=list)
    passed_over: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    missing: str = ""


def plan(
    listing: Listing, known: Mapping[str, Known], rights: Rights, kinds: Container[str], *, again: bool, prune: bool
) -> Plan:
    """kinds: suffixes that can be read. again: read unchanged items that had problems once more. prune: let go what is
    gone even if it is most of the source."""
    made = Plan(problems=list(listing.problems))
    listed: set[str] = set()
    for item in listing.items:
        listed.add(item.id)
        _place(item, known.get(item.id), rights, kinds, again, made)
    for id, one in known.items():
        if id not in listed:
            (made.unseen if _below(one.name, listing.unseen) else made.gone).append(id)
    if len(made.gone) > max(_FEW_GONE, len(known) // 2) and 2 * len(listed) < len(known) and not prune:
        made.missing = (
            f"{len(made.gone)} of the {len(known)} items that were read from this source are gone from it, and stay"
        )
        made.missing += " in the library; is something missing? If not: --prune"
        made.unseen += made.gone
        made.gone = []
    return made


def _place(item: Item, old: Known | None, rights: Rights, kinds: Container[str], again: bool, made: Plan) -> None:
    suffix = PurePosixPath(item.name).suffix.lower()
    if suffix not in kinds:
        reason = f"{UNKNOWN} '{suffix}'" if suffix else f"{UNKNOWN}, without a suffix"
        made.passed_over.append(Problem(item.name, reason))
        if old is not None:  # was renamed so
            made.gone.append(item.id)
        return
    readers = rights.readers(item)
    if not readers.groups:
        if readers.why:
            made.nobody.append(Problem(item.name, readers.why))
        if old is not None:
            made.closed.append(item.id)
        return
    if item.size is not None and item.size > LARGEST:
        made.problems.append(Problem(item.name, f"larger than {LARGEST >> 20} MiB; split it"))
        if old is not None:
            made.keep.append((item, readers.groups))
        return
    same = old is not None and (old.version, old.name) == (item.version, item.name)
    same &= item.path is None or (old is not None and [file.path for file in old.files] == [str(item.path)])
    tried = old is not None and bool(old.problems)
    (made.keep if same and not (tried and again) else made.fetch).append((item, readers.groups))


def _below(name: str, paths: tuple[str, ...]) -> bool:
    """Whether a name lies at or below one of these paths; '' is the whole source."""
    return any(not path or name == path or name.startswith(f"{path}/") for path in paths)
