"""What the documents name is there: tests, files and commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.main import cli

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
_COMMAND = re.compile(r"(?:^|[^\w/.-])countersign ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)")


def named(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_test_that_a_document_names_exists(document: Path) -> None:
    for file, name in _TEST.findall(document.read_text("utf-8")):
        assert (ROOT / file).is_file(), file
        assert not name or re.search(rf"def {name}\b", (ROOT / file).read_text("utf-8")), f"{file}::{name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_link_leads_to_a_file(document: Path) -> None:
    for target in _LINK.findall(document.read_text("utf-8")):
        assert (document.parent / target).exists(), target


def test_every_command_that_the_readme_shows_exists() -> None:
    shown = set(_COMMAND.findall((ROOT / "README.md").read_text("utf-8")))
    assert len(shown) > 10
    runner = CliRunner()
    for words in sorted(shown):
        first, _, second = words.partition(" ")
        done = runner.invoke(cli, [first, "--help"])
        assert done.exit_code == 0, words
        if second and "Commands:" in done.output:
            assert runner.invoke(cli, [first, second, "--help"]).exit_code == 0, words


def test_the_picture_of_the_rooms_is_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "architecture.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
