"""Runs the commands of a document again and puts what they print below them, so that a transcript cannot rot.

    python docs/record.py docs/tutorial.md                 with `make run` running in another terminal
    python docs/record.py docs/tutorial.md "The record"    the blocks below the headings that hold these words

A block that begins with ```console is a transcript: each line that begins with "$ " is a command for bash, run in the
order of the document from the project's folder; what follows it is replaced. All else stays as it is.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track

ROOT = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(r"(```console\n)(.*?)(```\n)", re.DOTALL)
WIDTH = 100
LIMIT_S = 1800


def commands(block: str) -> list[str]:
    """The commands of a block; a line that ends with a backslash goes on in the next."""
    joined = block.replace("\\\n", "\\\0")
    return [line[2:].replace("\\\0", "\\\n") for line in joined.splitlines() if line.startswith("$ ")]


def run(command: str) -> str:
    environment = {
        **os.environ,
        "COLUMNS": str(WIDTH),
        "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    lines = [line.rstrip() for line in done.stdout.replace(str(ROOT) + "/", "").splitlines()]
    said = "\n".join(lines).strip("\n")
    return f"{said}\n" if said else ""


def main() -> None:
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    path, wanted = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) == 3 else ""
    text = path.read_text("utf-8")
    printed: dict[int, str] = {}
    blocks = list(_BLOCK.finditer(text))
    for number, block in enumerate(track(blocks, "recording", console=Console(stderr=True))):
        heading = text[: block.start()].rpartition("\n## ")[2].partition("\n")[0]
        done = block.group(2)
        if wanted in heading:
            done = "".join(f"$ {command}\n{run(command)}" for command in commands(block.group(2)))
        printed[number] = done
    counted = iter(range(len(blocks)))
    path.write_text(_BLOCK.sub(lambda m: m.group(1) + printed[next(counted)] + m.group(3), text), "utf-8")


if __name__ == "__main__":
    main()
