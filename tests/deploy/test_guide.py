"""The Makefile's help, the operator's guide and the installer's commands tell the same story."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from deploy.onprem.bundle.archive import Item, write_archive
from deploy.onprem.bundle.build import _contents

ROOT = Path(__file__).parents[2]
ONPREM = ROOT / "deploy" / "onprem"
GUIDE = (ROOT / "docs" / "deployment.md").read_text("utf-8")


def targets() -> set[str]:
    """Those that `make help` lists, each with a line about it."""
    done = subprocess.run(["make", "-s", "-C", str(ONPREM)], capture_output=True, text=True, check=True)
    return set(re.findall(r"^  make ([a-z-]+) +\S", done.stdout, re.MULTILINE))


@pytest.mark.process
def test_help_lists_every_target_and_the_guide_tells_of_each() -> None:
    made = set(re.findall(r"^([a-z-]+):", (ONPREM / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert targets() == made
    assert {name for name in made - {"help"} if not re.search(rf"\b{name}\b", GUIDE)} == set()


def test_the_bundle_carries_every_shape_and_its_guides() -> None:
    carried = {name for name, _ in _contents(ROOT)}
    folders = ("systemd", "logrotate", "proxy", "containers", "chart", "monitoring", "install")
    for folder in folders:
        files = [path for path in (ONPREM / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert len(files) >= 1
        assert {f"deploy/onprem/{path.relative_to(ONPREM)}" for path in files} <= carried
    assert carried >= {f"docs/{name}.html" for name in ("deployment", "shapes", "operations", "runbook", "witness")}


def test_the_guide_names_every_shape() -> None:
    named = GUIDE.partition("## Shapes\n")[2].partition("\n## ")[0]
    for shape in ("one host, SQLite", "one host with PostgreSQL", "behind nginx or HAProxy", "containers", "Kubernetes"):
        assert shape in named


@pytest.mark.process
def test_every_target_of_the_guide_and_the_readme_exists() -> None:
    for text in (GUIDE, (ROOT / "README.md").read_text("utf-8")):
        for words in re.findall(r"make -C \S*deploy/onprem ([a-z -]+?)(?= [A-Z]|[^a-z -])", text):
            assert set(words.split()) <= targets(), words


@pytest.mark.process
def test_a_target_that_fails_says_what_to_do(tmp_path: Path) -> None:
    for target in sorted(targets() - {"help", "verify", "install", "upgrade"}):
        command = ["make", "-s", "-C", str(ONPREM), target, f"PREFIX={tmp_path}/none", "RUN_AS=root"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode, target
        assert "nothing is installed in" in done.stderr, target
        assert "Traceback" not in done.stderr
    for target in ("verify", "install", "upgrade"):
        done = subprocess.run(["make", "-s", "-C", str(ONPREM), target], capture_output=True, text=True, check=False)
        assert "is no unpacked bundle: unpack" in done.stderr, target


@pytest.mark.process
def test_an_archive_s_bytes_follow_from_its_files_alone(tmp_path: Path) -> None:
    """Not from times, order, owners or places; and tar and gzip read it."""
    (tmp_path / "x").write_bytes(b"x" * 200_000)
    items = {"b/x": Item(tmp_path / "x"), "a": Item(b"text"), "run.sh": Item(b"#!/bin/sh\n", executable=True)}
    write_archive(tmp_path / "one.tar.gz", "top", items)
    (tmp_path / "x").touch()
    (tmp_path / "x").chmod(0o600)
    write_archive(tmp_path / "two.tar.gz", "top", dict(reversed(items.items())))
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    listing = subprocess.run(["tar", "tvzf", tmp_path / "one.tar.gz"], capture_output=True, text=True, check=True).stdout
    assert [line.split()[-1] for line in listing.splitlines()] == ["top/", "top/a", "top/b/", "top/b/x", "top/run.sh"]
    assert listing.splitlines()[-1].startswith("-rwxr-xr-x")
    subprocess.run(["gzip", "-t", tmp_path / "one.tar.gz"], check=True)
    unpacked = subprocess.run(["tar", "xzOf", tmp_path / "one.tar.gz", "top/b/x"], capture_output=True, check=True).stdout
    assert unpacked == b"x" * 200_000
