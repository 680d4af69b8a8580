"""PDFs: forms with the names of their fields, scripts from right to left and of many letters, thousands of pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from retrieval.documents.apart import ReaderApart
from retrieval.documents.parse import Parsed, parse
from tests.retrieval.documents.made import Text, assembled, pdf

_LOOKS = "/DA (/F1 10 Tf 0 g) /F 4"
_DRAWN = 6  # the object that boxes look like
_SHOWN = "<< /Type /XObject /Subtype /Form /BBox [0 0 20 20] /Length 0 >>\nstream\n\nendstream"


def form(path: Path, *fields: str, labels: Sequence[tuple[float, str]] = ()) -> Path:
    """A page of labels (height, text) and widgets, each given as its dictionary's entries."""
    drawn = " ".join(f"BT /F1 10 Tf 50 {y} Td ({label}) Tj ET" for y, label in labels)
    places = " ".join(f"{7 + number} 0 R" for number in range(len(fields)))
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [{places}] /DR << /Font << /F1 5 0 R >> >> {_LOOKS} >> >>",
        "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Annots [{places}] "
        "/Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        _SHOWN,
        *(f"<< /Type /Annot /Subtype /Widget /P 3 0 R {_LOOKS} {entries} >>" for entries in fields),
    ]
    path.write_bytes(assembled(objects))
    return path


def composite(path: Path, *lines: str) -> Path:
    """Lines of any letters, drawn from left to right one after the other, each of which says in /ToUnicode what it is."""
    coded = [line.encode("utf-16-be").hex() for line in lines]
    shown = " ".join(f"BT /F1 12 Tf 50 {780 - 24 * number} Td <{line}> Tj ET" for number, line in enumerate(coded))
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Own def /CMapType 2 def "
        "1 begincodespacerange <0000> <FFFF> endcodespacerange "
        "1 beginbfrange <0000> <FFFF> <0000> endbfrange endcmap end end"
    )
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream",
        "<< /Type /Font /Subtype /Type0 /BaseFont /Own /Encoding /Identity-H /DescendantFonts [6 0 R] /ToUnicode 7 0 R >>",
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Own /DW 600 /FontDescriptor 8 0 R "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>",
        f"<< /Length {len(cmap)} >>\nstream\n{cmap}\nendstream",
        "<< /Type /FontDescriptor /FontName /Own /Flags 4 /FontBBox [0 -200 1000 800] /ItalicAngle 0 /Ascent 800 "
        "/Descent -200 /CapHeight 700 /StemV 80 >>",
    ]
    path.write_bytes(assembled(objects))
    return path


def said(parsed: Parsed) -> list[str]:
    return [block.text for block in parsed.blocks]


def test_a_field_without_a_label_is_read_with_its_name(tmp_path: Path) -> None:
    path = form(
        tmp_path / "form.pdf",
        "/FT /Tx /T (a1) /TU (Name of the account holder) /V (Halvard Nord) /Rect [150 690 350 710]",
        "/FT /Tx /T (page1[0].risk_class[0]) /V (moderate) /Rect [150 650 350 670]",
        "/FT /Ch /Ff 131072 /T (Currency) /Opt [(EUR) (NOK)] /V (NOK) /Rect [150 610 350 630]",
        labels=[(760, "Application")],
    )
    found = said(parse(path))
    for wanted in ("Name of the account holder: Halvard Nord", "risk class: moderate", "Currency: NOK"):
        assert wanted in found


def _box(name: str, state: str, y: int) -> str:
    looks = f"<< /N << /Yes {_DRAWN} 0 R /Off {_DRAWN} 0 R >> >>"
    return f"/FT /Btn /T ({name}) /V /{state} /AS /{state} /AP {looks} /Rect [50 {y} 60 {y + 10}]"


def test_a_ticked_box_is_read_and_one_that_is_not_is_not(tmp_path: Path) -> None:
    path = form(
        tmp_path / "form.pdf",
        _box("Politically exposed person", "Yes", 690),
        _box("Tax resident abroad", "Off", 650),
        "/FT /Tx /T (Text7) /V (nobody named this) /Rect [150 610 350 630]",
        labels=[(760, "Application")],
    )
    found = said(parse(path))
    assert "Politically exposed person: Yes" in found
    assert not any("Tax resident" in line for line in found)
    assert "nobody named this" in " ".join(found)
    assert not any("Text7" in line for line in found)


def test_a_field_beside_its_label_is_said_once(tmp_path: Path) -> None:
    path = form(
        tmp_path / "form.pdf",
        "/FT /Tx /T (Minimum holding) /V (4,500 crowns) /Rect [150 690 350 710]",
        labels=[(695, "Minimum holding:")],
    )
    assert sum("4,500 crowns" in line for line in said(parse(path))) == 1


@pytest.mark.parametrize(
    "lines",
    [
        ("落叶松基金的赎回费率为0.75%，托管人为北港银行。", "董事会于三月和九月召开会议。"),
        ("カラマツ基金の解約手数料は0.75%です。", "理事会は三月と九月に開かれます。"),
        ("낙엽송 펀드의 환매수수료는 0.75%입니다.", "이사회는 3월과 9월에 열립니다."),
    ],
)
def test_east_asian_text_comes_out_in_reading_order(tmp_path: Path, lines: tuple[str, ...]) -> None:
    text = "".join(said(parse(composite(tmp_path / "a.pdf", *lines)))).replace(" ", "")
    assert text == "".join(lines).replace(" ", "")


@pytest.mark.parametrize(
    "words",
    [
        ["קרן", "הארזית", "גובה", "עמלת", "יציאה"],
        ["يفرض", "صندوق", "الأرز", "رسوم", "خروج"],
    ],
)
def test_text_from_right_to_left_comes_out_in_reading_order(tmp_path: Path, words: list[str]) -> None:
    """A page draws it from its left end on, that is backwards."""
    line = " ".join(words)
    (text,) = said(parse(composite(tmp_path / "a.pdf", line[::-1])))
    assert text == line


def test_a_percentage_within_a_line_from_right_to_left_keeps_its_digits(tmp_path: Path) -> None:
    (text,) = said(parse(composite(tmp_path / "a.pdf", "0.75% " + "קרן הארזית גובה עמלת יציאה של"[::-1])))
    assert "0.75%" in text
    assert text.startswith("קרן הארזית")


@pytest.mark.process
def test_five_thousand_pages_are_read_in_bounded_memory(tmp_path: Path) -> None:
    names = [f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}ia" for n in range(5_000)]
    pages = [[Text(50, 800 - number % 700, f"The fund {name} is sold.")] for number, name in enumerate(names)]
    path = pdf(tmp_path / "long.pdf", *pages)
    with ReaderApart(most_memory=700 << 20) as read:
        parsed = read(path)
    assert parsed.pages == 5_000
    assert (parsed.blocks[0].page, parsed.blocks[-1].page) == (1, 5_000)
    assert parsed.blocks[-1].text == f"The fund {names[-1]} is sold."
