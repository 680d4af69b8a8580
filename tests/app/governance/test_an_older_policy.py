"""A policy file whose version is lower than the one in force is taken, since that may be meant, and told in the log.

The kind of fault: going back to older rules looks like any other change.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.support.in_force import Site, a_site, write


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with a_site(tmp_path / "home") as found:
        yield found


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("2026.1", "2020.1", True), ("2026.10", "2026.9", True), ("2026.1.1", "2026.1", True), ("3", "2.9.9", True),
        ("10.0", "9.99", True), ("2026.1", "2026.1.1", False), ("2026.1", "2026.2", False), ("2026.1", "draft", False),
        ("of the journeys", "1", False), ("2026.1", "2020.1-rc1", False),
    ],
)  # fmt: skip
def test_an_older_version_is_told_and_taken(site: Site, before: str, after: str, told: bool) -> None:
    write(site.file, version=before)
    site.documents["in force"].look()
    write(site.file, version=after)
    with capture_logs() as lines:
        site.documents["in force"].look()
    found = [one for one in lines if one["event"] == "policy.older_version"]
    assert [(one["version"], one["was"]) for one in found] == ([(after, before)] if told else [])
    assert site.in_force.policy.version == after
