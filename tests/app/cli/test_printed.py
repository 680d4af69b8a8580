"""What a document or the log holds is printed as it stands there.

The kind of fault: a terminal library reads words of a document as its own signs (`:x:` as a picture, `[red]` as a colour).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.table import Table

from app.cli.shared import console, plain

APP = Path(__file__).parents[3] / "app"


@pytest.mark.parametrize(
    "text", ["root:x:0:0", ":smile:", "a :warning: b", "[red]x[/red]", "[link=http://x]y[/link]", ":1st_place_medal:"]
)
def test_signs_of_the_terminal_library_in_a_text_stay_text(text: str) -> None:
    out = console()
    table = Table("found", expand=False)
    table.add_row(plain(text))
    with out.capture() as captured:
        out.print(plain(text))
        out.print(table)
    assert captured.get().count(text) == 2


def test_no_console_of_ours_makes_pictures() -> None:
    made = [
        found for path in sorted(APP.rglob("*.py")) for found in re.findall(r"\bConsole\(([^)]*)\)", path.read_text("utf-8"))
    ]
    assert len(made) >= 5
    assert [arguments for arguments in made if "emoji=False" not in arguments] == []
