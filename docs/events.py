"""Writes the page of event kinds from the catalogue in audit/kinds.py, so that the page cannot say anything else.

python docs/events.py            writes docs/events.md again
python docs/events.py --check    says whether it is what the catalogue says; exit 1 where it is not
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from audit.format.kind import Field, Kind, Whose
from audit.kinds import ALL

PAGE = Path(__file__).with_name("events.md")
_HEAD = """# Events: what the log holds

Made from `audit/kinds.py` by `python docs/events.py`; do not edit by hand.

Every event of a log is an *envelope*, which is hashed and holds no personal data, and a *body*, which is encrypted with the
key of its subject. [audit-bundle.md](audit-bundle.md) tells how both are written and checked. Beside the kind each envelope
says in which log and at which number the event stands (`log`, `seq`), of which query and conversation it is (or null),
who acted (`actor`) and whom the body concerns (`subject`), both as pseudonyms, when (`ts`, microseconds since 1970 UTC),
and the digests of the policy and of the model in force (or empty). `labels` stand in the envelope, can be searched,
and stay readable when a body was erased.

Texts of a body have their personal data replaced by tags such as `<PERSON_1>`. Millionths: 250000 stands for 0.25. Further
kinds may come with a newer release; a kind never changes its meaning.
"""
_WHOSE = {
    Whose.QUERY: (
        "Of a query",
        "Steps of one query, in the order in which they usually come, sealed for the person who asked. A retention rule for"
        " `communications` keeps these.",
    ),
    Whose.HOUSE: (
        "Of the firm itself",
        "Sealed for the firm (`firm:` and the tenant), whose key is never destroyed. They belong to no query.",
    ),
    Whose.ACCESS: (
        "Of people who looked",
        "Recorded before anything is shown, and sealed for whoever looked. One that names a query is listed with it, but is"
        " no step of it.",
    ),
}


def page(kinds: Sequence[Kind] = ALL) -> str:
    """The page's text, Markdown."""
    parts = [_HEAD]
    for whose, (title, said) in _WHOSE.items():
        parts.append(f"\n## {title}\n\n{said}\n")
        parts += [_section(kind) for kind in kinds if kind.whose is whose]
    return "".join(parts)


def _section(kind: Kind) -> str:
    rows = [_row(where, one) for where, fields in (("body", kind.body), ("label", kind.labels)) for one in fields]
    table = "\n| where | field | type | meaning |\n|---|---|---|---|\n" + "".join(rows) if rows else ""
    further = f"\nThe body may hold more: {kind.further}.\n" if kind.further else ""
    return f"\n### `{kind.name}`\n\n{kind.told}\n{table}{further}"


def _row(where: str, one: Field) -> str:
    optional = " (optional)" if one.optional else ""
    return f"| {where} | `{one.name}`{optional} | {one.type.name} | {one.meaning} |\n"


def main() -> None:
    match sys.argv[1:]:
        case []:
            PAGE.write_text(page(), "utf-8")
        case ["--check"]:
            if not PAGE.exists() or PAGE.read_text("utf-8") != page():
                sys.exit("docs/events.md is not what audit/kinds.py says: run `python docs/events.py`")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
