from pathlib import Path

import pytest

from retrieval.documents.parse import parse
from retrieval.types import UnreadableDocument
from samples.make_pdf import build
from tests.retrieval.conftest import SAMPLES


def test_markdown_tables_keep_one_row_a_line_and_headings_their_level(tmp_path: Path) -> None:
    path = tmp_path / "fees.md"
    path.write_text(
        "---\nx: 1\n---\n# Fees\n\n## Entry\n\nNone *at all*.\n\n| Fund | Fee |\n| - | - |\n| A | 1% |\n\n- one\n- two\n"
    )
    parsed = parse(path)
    assert parsed.title == "Fees"
    assert [(block.kind, block.text) for block in parsed.blocks] == [
        ("heading", "Fees"),
        ("heading", "Entry"),
        ("prose", "None at all."),
        ("row", "Fund | Fee"),
        ("row", "A | 1%"),
        ("item", "- one"),
        ("item", "- two"),
    ]


def test_html_drops_scripts_and_navigation_and_keeps_text_outside_any_tag(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(
        "<title>T</title><nav>Menu</nav><body>loose <b>words</b><h2>Head</h2><div>deep<ul><li>item</li></ul></div>"
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table><script>evil()</script>"
    )
    texts = [block.text for block in parse(path).blocks]
    assert texts == ["loose words", "Head", "deep", "- item", "a | b", "1 | 2"]


def test_text_files_show_headings_items_and_columns(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes(
        "Über uns\n========\n\nA line\nruns on.\n\nPART TWO\n\n- first\n  goes on\n- second\n\nFund\t1.5%\n".encode("cp1252")
    )
    assert [(block.kind, block.text) for block in parse(path).blocks] == [
        ("heading", "Über uns"),
        ("prose", "A line runs on."),
        ("heading", "PART TWO"),
        ("item", "- first goes on"),
        ("item", "- second"),
        ("row", "Fund | 1.5%"),
    ]


def test_the_sample_factsheet_gives_pages_from_one_headings_by_font_and_rows() -> None:
    parsed = parse(SAMPLES / "documents" / "aurora-global-equity-factsheet.pdf")
    assert parsed.pages == 3
    headings = {(block.page, block.text) for block in parsed.blocks if block.kind == "heading"}
    assert {(1, "Key facts"), (2, "Ten largest holdings"), (3, "Regional allocation")} <= headings
    assert ("row", "Aurora Class A | 9.8% | 17.6% | 14.1% | -15.2% | 24.3%", 2) in {
        (b.kind, b.text, b.page) for b in parsed.blocks
    }


def test_the_committed_factsheet_is_what_its_script_writes(tmp_path: Path) -> None:
    from samples.make_pdf import PAGES, TARGET

    assert build(PAGES, "Aurora Global Equity Fund: factsheet, 31 March 2026") == TARGET.read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("broken.pdf", b"%PDF-1.4\nnothing", "damaged"),
        ("picture.pdf", build([[]], "empty"), "OCR"),
        ("data.md", b"a\x00b", "binary"),
        ("blank.txt", b"  \n", "no text"),
        ("sheet.xls", b"PK", "unknown kind"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_in_one_line(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableDocument) as caught:
        parse(path)
    assert reason in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_encrypted_pdf_is_refused_by_that_name(tmp_path: Path) -> None:
    path = tmp_path / "locked.pdf"
    encrypt = b"<< /Filter /Standard /V 1 /R 2 /P -44 /O <%s> /U <%s> >>" % (b"41" * 32, b"42" * 32)
    pdf = build([[("text", "secret")]], "locked")
    pdf = pdf.replace(b"/Root 1 0 R", b"/Root 1 0 R /ID [<41><41>] /Encrypt " + encrypt)
    path.write_bytes(pdf)
    with pytest.raises(UnreadableDocument, match="encrypted"):
        parse(path)
