"""Outcomes as JUnit XML, which every build server reads."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from moderation.policy_test.bench import CaseOutcome


def junit(name: str, outcomes: Sequence[CaseOutcome]) -> str:
    """One suite. A failure that its case announces counts as skipped."""
    failed = [one for one in outcomes if not one.passed and not one.known]
    suite = ElementTree.Element(
        "testsuite",
        name=name,
        tests=str(len(outcomes)),
        failures=str(len(failed)),
        skipped=str(sum(one.known for one in outcomes)),
        errors="0",
    )
    for one in outcomes:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"{name}.must_{one.case.expected}",
            name=_allowed(one.case.example.text),
            file=str(one.case.file),
            line=str(one.case.line),
        )
        if one.known:
            ElementTree.SubElement(case, "skipped", message=_allowed(one.case.example.weakness))
        elif not one.passed:
            ElementTree.SubElement(case, "failure", message=_allowed(told(one)))
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def told(one: CaseOutcome) -> str:
    """ "must block, got pass: toxicity/violence 0.61 against 0.7 (trained head for violence)" """
    got = f"must {one.case.expected}, got {one.got}"
    if one.deciding is None:
        return f"{got}: no rail judges it"
    found = one.deciding
    return f"{got}: {found.rail}/{found.category} {found.probability:.3f} against {found.threshold:g} ({found.reason})"


def _allowed(text: str) -> str:
    """XML 1.0 has no control characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
