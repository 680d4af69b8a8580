"""PDFs made in a test: text at given places, nothing else."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Text:
    """Text set from (x, y) in points. turn: degrees counter-clockwise. ink: operators set before it ("1 1 1 rg", "3 Tr")."""

    x: float
    y: float
    text: str
    size: float = 10
    bold: bool = False
    turn: int = 0
    ink: str = ""


@dataclass(frozen=True)
class Rule:
    """A horizontal line one point high."""

    x: float
    y: float
    width: float


def row(y: float, label: str, *cells: tuple[float, str], size: float = 9, bold: bool = False) -> list[Text]:
    """A label at 50 and cells that end at the given places (Helvetica's digits are 0.556 of the size wide)."""
    placed = [Text(50, y, label, size, bold)] if label else []
    return placed + [Text(right - width(text, size), y, text, size, bold) for right, text in cells]


_WIDTHS = {".": 0.278, ",": 0.278, "(": 0.333, ")": 0.333, "-": 0.333, "%": 0.889, " ": 0.278, "—": 1.0}


def width(text: str, size: float) -> float:
    return size * sum(_WIDTHS.get(letter, 0.556) for letter in text)


def pdf(path: Path, *pages: Sequence[Text | Rule], rotate: int = 0, differences: str = "") -> Path:
    """Writes the pages. differences: glyph names that a third font /F3 puts at codes, for letters without a Unicode."""
    encoding = "/WinAnsiEncoding" if not differences else f"<< /Type /Encoding /Differences [{differences}] >>"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{6 + 2 * n} 0 R' for n in range(len(pages)))}] >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        f"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding {encoding} >>",
    ]
    for number, page in enumerate(pages):
        stream = "\n".join(_drawn(one, bool(differences)) for one in page)
        turned = f" /Rotate {rotate}" if rotate else ""
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842]{turned} /Contents {7 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R /F2 4 0 R /F3 5 0 R >> >> >>",
            f"<< /Length {len(stream.encode('cp1252'))} >>\nstream\n{stream}\nendstream",
        ]
    path.write_bytes(assembled(objects))
    return path


def form(path: Path, label: str, value: str, remark: str) -> Path:
    """A page with a label, a field that was filled in beside it, and a remark typed onto it."""
    drawn = _drawn(Text(50, 695, label), third=False)
    looks = "/DA (/F1 10 Tf 0 g) /F 4"
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] /DR << /Font << /F1 5 0 R >> >> {looks} >> >>",
        "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Annots [6 0 R 7 0 R] "
        "/Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        f"<< /Type /Annot /Subtype /Widget /FT /Tx /T (field) /V ({value}) /Rect [150 690 350 710] /P 3 0 R {looks} >>",
        f"<< /Type /Annot /Subtype /FreeText /Contents ({remark}) /Rect [150 600 350 620] {looks} >>",
    ]
    path.write_bytes(assembled(objects))
    return path


def assembled(objects: Sequence[str]) -> bytes:
    content = b"%PDF-1.4\n"
    places = []
    for number, one in enumerate(objects, 1):
        places.append(len(content))
        content += f"{number} 0 obj\n{one}\nendobj\n".encode("cp1252")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    start, count = len(content), len(objects) + 1
    content += f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<< /Size {count} /Root 1 0 R >>\n".encode()
    return content + f"startxref\n{start}\n%%EOF\n".encode()


def _drawn(one: Text | Rule, third: bool) -> str:
    if isinstance(one, Rule):
        return f"{one.x} {one.y} {one.width} 1 re f"
    turns = {0: "1 0 0 1", 90: "0 1 -1 0", 180: "-1 0 0 -1", 270: "0 -1 1 0"}
    text = one.text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    if third:
        text = "".join(f"\\{ord(letter):03o}" if ord(letter) < 32 else letter for letter in text)
    font = "F3" if third else "F2" if one.bold else "F1"
    return f"q {one.ink} BT /{font} {one.size} Tf {turns[one.turn]} {one.x} {one.y} Tm ({text}) Tj ET Q"


def changed(path: Path, parts: Mapping[str, Callable[[bytes], bytes]], new: Mapping[str, bytes]) -> Path:
    """Changes parts of a zipped document, and adds new ones."""
    with zipfile.ZipFile(path) as old:
        held = {name: old.read(name) for name in old.namelist()}
    for name, change in parts.items():
        held[name] = change(held[name])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in {**held, **new}.items():
            out.writestr(name, content)
    return path
