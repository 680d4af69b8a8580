"""Draws docs/architecture.md from the code's own imports: the rooms, and inside each its stages, as Mermaid pictures.

python docs/architecture.py           writes the page
python docs/architecture.py --check   fails where the page is not what the code says
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp

HOME = Path(__file__).resolve().parent.parent
PAGE = Path(__file__).with_name("architecture.md")
ROOMS = ("app", "orchestrator", "moderation", "retrieval", "inference", "audit")
HEAD = """# The house, as its imports draw it

Made by `python docs/architecture.py`; an arrow says that something in one stage imports something in another. `setup.cfg`
holds the contracts that keep it so: no room imports one above it, and no two stages of a room import each other.
"""


def main() -> None:
    page = _page()
    if "--check" in sys.argv:
        if not PAGE.is_file() or PAGE.read_text("utf-8") != page:
            raise SystemExit("docs/architecture.md is not what the code says; run: python docs/architecture.py")
        return
    PAGE.write_text(page, "utf-8")


def _page() -> str:
    graph = grimp.build_graph(*ROOMS, cache_dir=None)
    parts = [HEAD, "## Rooms\n", _picture(sorted(_arrows(graph, 1)))]
    for room in ROOMS:
        stages = sorted(graph.find_children(room))
        parts.append(f"## {room}/\n\n| stage | what it is |\n|---|---|")
        parts += [f"| `{stage.removeprefix(f'{room}.')}` | {_first_sentence(stage)} |" for stage in stages]
        inside = ((a, b) for a, b in _arrows(graph, 2) if a.startswith(f"{room}.") and b.startswith(f"{room}."))
        parts.append("\n" + _picture(sorted((a.split(".")[1], b.split(".")[1]) for a, b in inside)))
    return "\n".join(parts)


def _arrows(graph: grimp.ImportGraph, depth: int) -> set[tuple[str, str]]:
    """Who imports whom, by the first parts of the names."""
    found = set()
    for module in graph.modules:
        for other in graph.find_modules_directly_imported_by(module):
            pair = tuple(".".join(name.split(".")[:depth]) for name in (module, other))
            if pair[0] != pair[1] and all(name.count(".") == depth - 1 for name in pair):
                found.add((pair[0], pair[1]))
    return found


def _picture(arrows: list[tuple[str, str]]) -> str:
    return "\n".join(("```mermaid", "flowchart TD", *(f"    {a} --> {b}" for a, b in arrows), "```\n"))


def _first_sentence(module: str) -> str:
    path = HOME / module.replace(".", "/")
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    told = ast.get_docstring(ast.parse(source.read_text("utf-8"))) or ""
    return next(_sentences(" ".join(told.split()))).replace("|", "\\|")


def _sentences(text: str) -> Iterator[str]:
    first, mark, _ = text.partition(". ")
    yield f"{first}." if mark else text


if __name__ == "__main__":
    main()
