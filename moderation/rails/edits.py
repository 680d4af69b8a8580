"""Replacing pieces of a text, and what several rails that replace come to on one text.

Invariant: `together` leaves no character of any edit's span in the text that is released.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from moderation.types import Edit, Finding, Redact, Verdict


def replaced(text: str, edits: Iterable[Edit]) -> str:
    """`text` with every edit made; of edits that overlap, the first (and of these the longest) says what stands there."""
    parts: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda e: (e.start, -e.end)):
        if edit.start >= at:
            parts += [text[at : edit.start], edit.text]
        at = max(at, edit.end)
    return "".join([*parts, text[at:]])


def redaction(finding: Finding, text: str, edits: Sequence[Edit]) -> Redact:
    return Redact(finding, replaced(text, edits), tuple(edits))


def together(text: str, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The same verdicts, every redaction among them with the edits of all made."""
    redactions = [verdict for verdict in verdicts if isinstance(verdict, Redact)]
    if len(redactions) < 2:
        return list(verdicts)
    whole = replaced(text, [edit for one in redactions for edit in one.edits])
    return [dataclasses.replace(v, text=whole) if isinstance(v, Redact) else v for v in verdicts]
