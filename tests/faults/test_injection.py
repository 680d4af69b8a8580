"""What attackers write into the log acts on nobody who reads it: in bundles, in tables, on a terminal.

The review pages have tests of their own (docs/faults.md).
"""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.shared import plain
from app.settings import Settings
from app.wiring.deployment import open_deployment
from audit.database.triggers import sqlite_triggers
from audit.format.notes import VerifierKey
from audit.verify.offline import ReaderTrust, verify_bundle
from tests.faults.drivers import ROOT
from tests.support.events import step

TENANT = "halden"
HOSTILE = {
    "line ends": 'first\r\n{"seq":0,"envelope":"{}"}\r\nlast\u2028\u2029\x85\x0b\x0c',
    "a terminal": "\x1b[2J\x1b[1;1H\x1b]8;;http://evil.example\x07click\x1b]8;;\x07\x9b31m\x08\x08\x7f",
    "a page": "<img src=x onerror=alert(1)></td><script>alert(2)</script>&quot;' onload='x",
    "a formula": '=HYPERLINK("http://evil.example","click")',
    "another formula": "@SUM(1+9)*cmd|' /C calc'!A0",
    "a direction": "\u202etxt.exe\u202c\u2066\u200f",
    "markup": "[red]fine[/red] [link=http://evil.example]click[/link] [/never-opened] \\[",
    "a null": "\x00",
}
ACTS = {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), *"\u2028\u2029\u202e\u202c\u2066\u200f"}


def run(home: Path, *arguments: str, code: int) -> tuple[bytes, bytes]:
    environ = {
        **os.environ,
        "COUNTERSIGN_HOME": str(home),
        "COUNTERSIGN_LOG_FILE": str(home.parent / "log"),
        "COLUMNS": "400",
    }
    command = [sys.executable, "-m", "app", "audit", *arguments]
    found = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, timeout=120, check=False)
    assert found.returncode == code, found.stderr.decode()
    return found.stdout, found.stderr


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, VerifierKey]:
    """A log whose bodies hold all that is hostile."""
    home = tmp_path_factory.mktemp("hostile") / "var"
    deployment = open_deployment(Settings(home=home))
    for number, text in enumerate(HOSTILE.values()):
        body = {"question": text, "entities": {"parts": [text, {"text": text}]}}
        deployment.audit.append(TENANT, step("redacted", f"q-{number}", "subject:1", conversation="c-1", body=body)).wait()
    key = VerifierKey.parse(str(deployment.signing.public[0]))
    deployment.close()
    return home, key


@pytest.mark.process
def test_a_bundle_has_one_line_for_each_event_and_gives_every_text_back(written: tuple[Path, VerifierKey]) -> None:
    home, key = written
    bundle, _ = run(home, "export", "--bodies", "opened", "--reason", "case 1", "--output", "-", code=0)
    events = [json.loads(line) for line in bundle.split(b"\n")[1:-2]]
    assert len(events) == len(HOSTILE) + 1  # and this export
    said = [json.loads(event["opened"]["body"]) for event in events[: len(HOSTILE)]]
    assert [body["question"] for body in said] == list(HOSTILE.values())
    assert set(bundle) & set(range(32)) == {ord("\n")}
    assert verify_bundle(io.BytesIO(bundle), ReaderTrust((key,))).ok


@pytest.mark.process
def test_a_table_has_one_row_for_each_event_and_no_formula(written: tuple[Path, VerifierKey]) -> None:
    home, _ = written
    table, _ = run(home, "export", "--format", "csv", "--bodies", "opened", "--reason", "case 2", "--output", "-", code=0)
    rows = list(csv.DictReader(io.StringIO(table.decode(), newline="")))
    assert [json.loads(row["body"])["question"] for row in rows[: len(HOSTILE)]] == list(HOSTILE.values())
    assert not [cell for row in rows for cell in row.values() if cell.lstrip().startswith(("=", "+", "-", "@"))]
    assert table.count(b"\r\n") == len(rows) + 1
    assert not set(table.decode()) & (ACTS - {"\r", "\n"})


@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_on_a_terminal_is_shown_and_does_nothing(name: str) -> None:
    from rich.console import Console

    paper = io.StringIO()
    Console(file=paper, force_terminal=True, width=400, color_system=None, highlight=False).print(plain(HOSTILE[name]))
    shown = paper.getvalue()
    assert shown.count("\n") == 1
    assert not set(shown) & (ACTS - {"\n"})
    readable = HOSTILE[name].encode("unicode_escape").decode() if not HOSTILE[name].isprintable() else HOSTILE[name]
    assert "".join(one for one in shown if one.isalnum()) == "".join(one for one in readable if one.isalnum())


@pytest.mark.process
def test_who_alters_the_database_cannot_write_on_the_terminal_of_who_verifies_it(tmp_path: Path) -> None:
    home = tmp_path / "var"
    deployment = open_deployment(Settings(home=home))
    for number in range(len(HOSTILE)):
        deployment.audit.append(TENANT, step("received", f"q-{number}", "subject:1", conversation="c-1")).wait()
    deployment.close()
    client = sqlite3.connect(home / Path(deployment.settings.url).name)
    for name in sqlite_triggers():
        client.execute(f"DROP TRIGGER {name}")
    for number, text in enumerate(HOSTILE.values()):
        client.execute("UPDATE audit_record SET outcome = ? WHERE seq = ?", [text, number])
    client.execute("UPDATE audit_batch SET log = ? WHERE first = 0", [HOSTILE["a terminal"]])
    client.execute("UPDATE audit_batch SET log = ? WHERE first = 1", [HOSTILE["markup"]])
    for statement in sqlite_triggers().values():
        client.execute(statement)
    client.commit()
    client.close()
    out, said = run(home, "verify", code=1)
    shown = (out + said).decode()
    assert "The log or a row has been changed" in shown
    assert [number for number in range(len(HOSTILE)) if f"│ {number} " not in shown] == []
    assert not set(shown) & (ACTS - {"\n"})
    assert "[/never-opened]" in shown
    listed = b"".join(run(home, "list", code=0)).decode()
    assert not set(listed) & (ACTS - {"\n"})
