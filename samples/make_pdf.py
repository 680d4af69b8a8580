"""Write samples/documents/aurora-global-equity-factsheet.pdf: a small PDF from plain text, with no library.

The output is the same for the same input, so that running this again changes nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

TARGET = Path(__file__).parent / "documents" / "aurora-global-equity-factsheet.pdf"

Line = tuple[str, str]  # (style, text); a table row holds its cells apart by tabs

PAGES: list[list[Line]] = [
    [
        ("title", "Aurora Global Equity Fund"),
        ("small", "Factsheet as of 31 March 2026. For all investors. Halden Asset Management."),
        ("head", "Objective and policy"),
        (
            "text",
            "The fund seeks long-term growth of capital by investing in 45 to 60 companies of developed and",
        ),
        (
            "text",
            "emerging markets. It is actively managed and may depart from its benchmark, the MSCI All Country",
        ),
        (
            "text",
            "World Index (net, EUR), without limit. At least 80% of its assets are held in listed shares; cash",
        ),
        (
            "text",
            "may not exceed 10%. The fund does not lend securities and uses derivatives for hedging only.",
        ),
        ("head", "Key facts"),
        ("row", "Launch date\t4 May 2015"),
        ("row", "Fund size\tEUR 1,284 million"),
        ("row", "Fund managers\tMarta Lindqvist, Tomas Okafor"),
        ("row", "Number of holdings\t52"),
        ("row", "ISIN Class A\tIE00BHALDA11"),
        ("row", "ISIN Class I\tIE00BHALDA29"),
        ("row", "Risk indicator\t5 of 7"),
        ("row", "Recommended holding period\t7 years"),
        ("row", "Base currency\tEUR"),
        ("row", "Depositary\tNorthgate Trust Bank"),
        ("head", "Who the fund is for"),
        (
            "text",
            "The fund suits investors who can accept large swings in value and do not need the money for at",
        ),
        ("text", "least seven years. It offers no guarantee of capital."),
    ],
    [
        ("head", "Performance"),
        (
            "text",
            "Class A, in euro, after the ongoing charge and before the entry charge. Past performance does not",
        ),
        ("text", "predict future returns."),
        ("row", "Calendar year\t2025\t2024\t2023\t2022\t2021"),
        ("row", "Aurora Class A\t9.8%\t17.6%\t14.1%\t-15.2%\t24.3%"),
        ("row", "Benchmark\t8.4%\t19.1%\t15.9%\t-13.0%\t27.5%"),
        ("text", "Annualised over ten years to 31 March 2026 the fund returned 8.7% and its benchmark 9.1%."),
        ("text", "Volatility over three years was 13.4%, the tracking error 4.2%."),
        ("head", "Ten largest holdings"),
        ("row", "Company\tShare of assets"),
        ("row", "Corvane Semiconductors\t5.1%"),
        ("row", "Litten Health\t4.6%"),
        ("row", "Maristow Payments\t4.2%"),
        ("row", "Osprey Industrial Gases\t3.9%"),
        ("row", "Tarn Insurance\t3.5%"),
        ("row", "Velmora Software\t3.3%"),
        ("row", "Kestrel Rail\t3.0%"),
        ("row", "Pallas Foods\t2.8%"),
        ("row", "Quillon Instruments\t2.7%"),
        ("row", "Brightwater Utilities\t2.5%"),
        ("text", "Together the ten largest holdings make up 35.6% of the fund."),
    ],
    [
        ("head", "Regional allocation"),
        ("row", "Region\tFund\tBenchmark"),
        ("row", "North America\t54.0%\t66.8%"),
        ("row", "Europe\t27.5%\t15.1%"),
        ("row", "Japan\t6.2%\t5.0%"),
        ("row", "Emerging markets\t9.8%\t10.4%"),
        ("row", "Cash\t2.5%\t0.0%"),
        ("head", "Manager's comment"),
        (
            "text",
            "In the first quarter of 2026 the fund gained 2.3% while its benchmark gained 1.7%. Corvane",
        ),
        (
            "text",
            "Semiconductors and Tarn Insurance helped most; Pallas Foods hurt, after a recall in February. We",
        ),
        (
            "text",
            "sold Helmgate Motors and bought Kestrel Rail, whose order book covers four years of revenue.",
        ),
        ("head", "Risks"),
        (
            "text",
            "Share prices can fall sharply. Holdings in other currencies are not hedged: a stronger euro lowers",
        ),
        ("text", "the value of the units. Emerging markets can be hard to trade in times of stress."),
        ("head", "Dealing and charges"),
        (
            "text",
            "Orders must arrive by 12:00 noon Dublin time on a dealing day. The annual management charge is",
        ),
        ("text", "1.25% for Class A and 0.65% for Class I. See 'Fees and charges' for all costs."),
    ],
]
STYLES = {
    "title": ("F2", 20, 30),
    "head": ("F2", 12, 24),
    "text": ("F1", 10, 14),
    "row": ("F1", 10, 14),
    "small": ("F1", 9, 16),
}


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _content(lines: Sequence[Line]) -> bytes:
    """One page's drawing commands; y falls by each style's leading. Cells stand at fixed columns."""
    commands, y = [], 800
    for style, text in lines:
        font, size, leading = STYLES[style]
        y -= leading
        cells = text.split("\t")
        columns = [56, *(250 + 60 * i for i in range(len(cells) - 1))]
        for x, cell in zip(columns, cells, strict=True):
            commands.append(f"BT /{font} {size} Tf {x} {y} Td ({_escape(cell)}) Tj ET")
    return "\n".join(commands).encode("latin-1")


def build(pages: Sequence[Sequence[Line]], title: str) -> bytes:
    """A PDF 1.4 file (ISO 32000-1, 7.5): header, objects, cross-reference table, trailer."""
    page_numbers = [5 + 2 * i for i in range(len(pages))]
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{n} 0 R' for n in page_numbers)}] >>".encode(),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        4: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
    }
    for number, lines in zip(page_numbers, pages, strict=True):
        stream = _content(lines)
        objects[number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {number + 1} 0 R "
            "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>"
        ).encode()
        objects[number + 1] = f"<< /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream"
    info = max(objects) + 1
    objects[info] = f"<< /Title ({_escape(title)}) /Author (Halden Asset Management) >>".encode()
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number in sorted(objects):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + objects[number] + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {info + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    out += f"trailer\n<< /Size {info + 1} /Root 1 0 R /Info {info} 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=TARGET)
    target: Path = parser.parse_args().out
    target.write_bytes(build(PAGES, "Aurora Global Equity Fund: factsheet, 31 March 2026"))
    print(f"{target}: {target.stat().st_size} bytes, {len(PAGES)} pages")


if __name__ == "__main__":
    main()
