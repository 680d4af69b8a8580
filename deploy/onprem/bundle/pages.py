"""The documents as pages that a browser reads from the disk, without a script and without a network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape
from pathlib import Path

from markdown_it import MarkdownIt

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430 }}
a {{ color: #0b57a4 }} h1, h2 {{ line-height: 1.2 }}
pre, code {{ font: 14px/1.45 ui-monospace, monospace; background: #f2f4f7 }} pre {{ padding: .8rem; overflow-x: auto }}
table {{ border-collapse: collapse; display: block; overflow-x: auto }} td, th {{ border: 1px solid #c9d0d9;
 padding: .3rem .6rem; text-align: left; vertical-align: top }}
</style>
</head>
<body>
<nav aria-label="Documents"><a href="{home}">All documents</a></nav>
<main>
{body}</main>
</body>
</html>
"""
_LINK = re.compile(r'href="(?![a-z]+:|#)([^"#]+)(#[^"]*)?"')
_HEADING = re.compile(r"<(h[1-4])>(.*?)</h[1-4]>", re.DOTALL)


def pages(root: Path) -> Iterator[tuple[str, str]]:
    """(name below docs/, HTML) of the README and everything in docs/. Links between them lead to the pages; links to the
    source, which a bundle has no copy of, become plain names."""
    found = {root / "README.md": "readme.html"}
    for path in sorted((root / "docs").rglob("*.md")):
        found[path] = path.relative_to(root / "docs").with_suffix(".html").as_posix()
    listing = []
    for path, name in found.items():
        text = path.read_text("utf-8")
        title = next((line.lstrip("# ") for line in text.splitlines() if line.startswith("#")), name)
        yield name, _page(title, _linked(_render(text), path, name, found), name)
        listing.append(f'<li><a href="{name}">{escape(title)}</a></li>\n')
    yield (
        "index.html",
        _page("Countersign's documents", f"<h1>Countersign</h1>\n<ul>\n{''.join(listing)}</ul>\n", "index.html"),
    )


def _render(text: str) -> str:
    return _HEADING.sub(_named, str(MarkdownIt("commonmark", {"html": False}).enable("table").render(text)))


def _named(match: re.Match[str]) -> str:
    """A heading with the name that links, and the alerts' runbook_url, lead to."""
    return f'<{match[1]} id="{anchor(re.sub("<[^>]*>", "", unescape(match[2])))}">{match[2]}</{match[1]}>'


def anchor(heading: str) -> str:
    """As code hosts make it: lower case, blanks to hyphens, punctuation gone."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _page(title: str, body: str, name: str) -> str:
    return _PAGE.format(title=escape(title), body=body, home="../" * name.count("/") + "index.html")


def _linked(html: str, path: Path, name: str, found: dict[Path, str]) -> str:
    def link(match: re.Match[str]) -> str:
        target = found.get((path.parent / match[1]).resolve())
        if target is None:
            return "data-source"
        return f'href="{"../" * name.count("/")}{target}{match[2] or ""}"'

    return _LINK.sub(link, html)
