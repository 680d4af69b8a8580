"""Word files, written by python-docx, with what it cannot write put in as the XML that Word writes."""

from __future__ import annotations

from pathlib import Path

from docx import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.shared import Pt, RGBColor

from retrieval.documents.parse import Parsed, parse
from tests.retrieval.documents.made import changed

W = nsdecls("w")


def _texts(parsed: Parsed, kind: str = "") -> list[str]:
    return [block.text for block in parsed.blocks if not kind or block.kind == kind]


def _saved(document: object, path: Path) -> Parsed:
    document.save(str(path))  # type: ignore[attr-defined]
    return parse(path)


def test_headings_lists_and_prose_keep_their_kind_and_order(tmp_path: Path) -> None:
    document = Document()
    document.add_heading("Larch Fund", 0)
    document.add_heading("Charges", 1)
    document.add_paragraph("The exit charge is 0.75%.")
    document.add_paragraph("Waived after five years", style="List Bullet")
    document.add_heading("Dealing", 2)
    document.add_paragraph("Daily at noon.")
    parsed = _saved(document, tmp_path / "a.docx")
    assert parsed.title == "Larch Fund"
    assert [(block.kind, block.level, block.text) for block in parsed.blocks] == [
        ("heading", 1, "Larch Fund"),
        ("heading", 2, "Charges"),
        ("prose", 0, "The exit charge is 0.75%."),
        ("item", 0, "- Waived after five years"),
        ("heading", 3, "Dealing"),
        ("prose", 0, "Daily at noon."),
    ]


def test_numbered_clauses_carry_the_number_that_word_shows(tmp_path: Path) -> None:
    document = Document()
    numbering = document.part.numbering_part.element
    levels = "".join(
        f'<w:lvl w:ilvl="{at}"><w:start w:val="{start}"/><w:numFmt w:val="{form}"/><w:lvlText w:val="{text}"/></w:lvl>'
        for at, (start, form, text) in enumerate(
            [(4, "decimal", "%1."), (1, "decimal", "%1.%2"), (1, "lowerLetter", "(%3)")]
        )
    )
    numbering.insert(0, parse_xml(f'<w:abstractNum {W} w:abstractNumId="77">{levels}</w:abstractNum>'))
    numbering.append(parse_xml(f'<w:num {W} w:numId="77"><w:abstractNumId w:val="77"/></w:num>'))
    for depth, text in enumerate(["Redemption", "Notice is thirty days.", "in writing"]):
        paragraph = document.add_paragraph(text)
        paragraph._p.get_or_add_pPr().append(
            parse_xml(f'<w:numPr {W}><w:ilvl w:val="{depth}"/><w:numId w:val="77"/></w:numPr>')
        )
    for depth, text in ((2, "or by fax"), (1, "The gate is ten percent."), (0, "Charges")):
        paragraph = document.add_paragraph(text)
        paragraph._p.get_or_add_pPr().append(
            parse_xml(f'<w:numPr {W}><w:ilvl w:val="{depth}"/><w:numId w:val="77"/></w:numPr>')
        )
    assert _texts(_saved(document, tmp_path / "a.docx")) == [
        "4. Redemption",
        "4.1 Notice is thirty days.",
        "(a) in writing",
        "(b) or by fax",
        "4.2 The gate is ten percent.",
        "5. Charges",
    ]


def test_a_table_keeps_its_heads_joined_cells_caption_and_section(tmp_path: Path) -> None:
    document = Document()
    document.add_heading("Charges", 1)
    document.add_paragraph("Table 1: charges in % of the value")
    table = document.add_table(4, 4)
    for at, text in enumerate(["Fund", "Retail", "", "Institutional"]):
        table.cell(0, at).text = text
    table.cell(0, 1).merge(table.cell(0, 2)).text = "Retail"
    for at, text in enumerate(["", "Entry", "Exit", "Exit"]):
        table.cell(1, at).text = text
    for at, text in enumerate(["Larch", "4.10", "0.75", "0.15"]):
        table.cell(2, at).text = text
    for at, text in enumerate(["", "4.20", "0.85", "0.25"]):
        table.cell(3, at).text = text
    table.cell(2, 0).merge(table.cell(3, 0)).text = "Larch"
    for at in (0, 1):
        table.rows[at]._tr.get_or_add_trPr().append(parse_xml(f"<w:tblHeader {W}/>"))
    parsed = _saved(document, tmp_path / "a.docx")
    (grid,) = parsed.grids
    assert grid.rows == (
        ("Fund", "Retail", "Retail", "Institutional"),
        ("", "Entry", "Exit", "Exit"),
        ("Larch", "4.10", "0.75", "0.15"),
        ("Larch", "4.20", "0.85", "0.25"),
    )
    assert (grid.heads, grid.caption, grid.section) == (2, "Table 1: charges in % of the value", ("Charges",))


def test_deleted_text_and_rows_are_no_text_and_inserted_ones_are(tmp_path: Path) -> None:
    document = Document()
    paragraph = document.add_paragraph("The exit charge is ")
    by = 'w:id="1" w:author="A" w:date="2026-01-01T00:00:00Z"'
    for xml in (
        f"<w:del {W} {by}><w:r><w:delText>9.99%</w:delText></w:r></w:del>",
        f"<w:ins {W} {by}><w:r><w:t>0.75%</w:t></w:r></w:ins>",
        f"<w:moveFrom {W} {by}><w:r><w:t> in March</w:t></w:r></w:moveFrom>",
    ):
        paragraph._p.append(parse_xml(xml))
    joined = document.add_paragraph("It is waived")
    joined._p.get_or_add_pPr().append(parse_xml(f"<w:rPr {W}><w:del {by}/></w:rPr>"))
    document.add_paragraph("after five years.")
    table = document.add_table(3, 2)
    for at, (name, value) in enumerate([("Entry", "2.50%"), ("Old", "8.88%"), ("Exit", "0.75%")]):
        table.cell(at, 0).text, table.cell(at, 1).text = name, value
    table.rows[1]._tr.get_or_add_trPr().append(parse_xml(f"<w:del {W} {by}/>"))
    parsed = _saved(document, tmp_path / "a.docx")
    assert _texts(parsed) == [
        "The exit charge is 0.75%",
        "It is waived after five years.",
        "Entry | 2.50%",
        "Exit | 0.75%",
    ]
    assert any("tracked deletions" in note for note in parsed.notes)


def test_comments_heads_feet_and_hidden_text_are_left_out(tmp_path: Path) -> None:
    document = Document()
    document.sections[0].header.paragraphs[0].text = "Strictly confidential head"
    document.sections[0].footer.paragraphs[0].text = "Foot"
    paragraph = document.add_paragraph("The exit charge is 0.75%.")
    document.add_comment(paragraph.runs[0], text="Is this still right?", author="B")
    paragraph.add_run(" It is 9.99%.").font.hidden = True
    paragraph.add_run(" It is 8.88%.").font.color.rgb = RGBColor(255, 255, 255)
    paragraph.add_run(" It is 7.77%.").font.size = Pt(1)
    parsed = _saved(document, tmp_path / "a.docx")
    assert _texts(parsed) == ["The exit charge is 0.75%."]
    assert any("nobody can see" in note for note in parsed.notes)


def test_white_heads_of_a_table_can_be_seen(tmp_path: Path) -> None:
    document = Document()
    table = document.add_table(2, 2)
    table.cell(0, 0).text = table.cell(1, 0).text = "Fund"
    table.cell(0, 1).paragraphs[0].add_run("Charge").font.color.rgb = RGBColor(255, 255, 255)
    table.cell(1, 1).text = "1%"
    assert _saved(document, tmp_path / "a.docx").grids[0].rows[0] == ("Fund", "Charge")


def test_a_text_box_is_read_once_and_the_old_programs_copy_is_not(tmp_path: Path) -> None:
    document = Document()
    paragraph = document.add_paragraph("Beside the box.")
    box = "<w:txbxContent><w:p><w:r><w:t>Minimum holding 450 crowns</w:t></w:r></w:p></w:txbxContent>"
    spaces = (
        'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:v="urn:schemas-microsoft-com:vml" '
        'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
    )
    paragraph._p.append(
        parse_xml(
            f"<w:r {W} {spaces}><mc:AlternateContent><mc:Choice Requires='wps'><w:drawing><wps:txbx>{box}</wps:txbx>"
            f"</w:drawing></mc:Choice><mc:Fallback><w:pict><v:textbox>{box}</v:textbox></w:pict></mc:Fallback>"
            "</mc:AlternateContent></w:r>"
        )
    )
    assert _texts(_saved(document, tmp_path / "a.docx")) == ["Beside the box.", "Minimum holding 450 crowns"]


def test_a_footnotes_mark_never_grows_onto_a_figure_and_its_text_follows(tmp_path: Path) -> None:
    document = Document()
    paragraph = document.add_paragraph("The minimum holding is 450")
    paragraph._p.append(parse_xml(f'<w:r {W}><w:footnoteReference w:id="2"/></w:r>'))
    paragraph.add_run(" crowns, the floor 10")
    paragraph.add_run("6").font.superscript = True
    path = tmp_path / "a.docx"
    document.save(str(path))
    notes = (
        f"<w:footnotes {W}><w:footnote w:id='0' w:type='separator'><w:p/></w:footnote>"
        "<w:footnote w:id='2'><w:p><w:r><w:footnoteRef/></w:r><w:r><w:t>From 2027 on: 500.</w:t></w:r></w:p></w:footnote>"
        "</w:footnotes>"
    )
    relation = (
        '<Relationship Id="rIdNotes" Target="footnotes.xml" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        'relationships/footnotes"/></Relationships>'
    )
    changed(
        path,
        {"word/_rels/document.xml.rels": lambda old: old.replace(b"</Relationships>", relation.encode())},
        {"word/footnotes.xml": notes.encode()},
    )
    assert _texts(parse(path)) == ["The minimum holding is 450 ¹ crowns, the floor 10⁶", "¹ From 2027 on: 500."]


def test_a_short_bold_paragraph_heads_what_follows(tmp_path: Path) -> None:
    document = Document()
    document.add_paragraph().add_run("Redemption gate").bold = True
    document.add_paragraph("It is ten percent.")
    document.add_paragraph().add_run("Nobody may waive it.").bold = True
    assert [block.kind for block in _saved(document, tmp_path / "a.docx").blocks] == ["heading", "prose", "prose"]


def test_a_style_of_ones_own_takes_its_level_from_the_one_that_it_is_based_on(tmp_path: Path) -> None:
    document = Document()
    own = document.styles.add_style("Firm chapter", WD_STYLE_TYPE.PARAGRAPH)
    own.base_style = document.styles["Heading 2"]
    document.add_paragraph("Charges", style="Firm chapter")
    document.add_paragraph("None.")
    assert [(b.kind, b.level) for b in _saved(document, tmp_path / "a.docx").blocks] == [("heading", 2), ("prose", 0)]


def test_a_file_with_macros_is_read_and_named(tmp_path: Path) -> None:
    document = Document()
    document.add_paragraph("The exit charge is 0.75%.")
    path = tmp_path / "a.docm"
    document.save(str(path))
    macro = b"application/vnd.ms-word.document.macroEnabled.main+xml"
    plain = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    changed(path, {"[Content_Types].xml": lambda old: old.replace(plain, macro)}, {"word/vbaProject.bin": b"Shell"})
    parsed = parse(path)
    assert _texts(parsed) == ["The exit charge is 0.75%."]
    assert parsed.notes == ("macros, which were not looked at",)


def test_layout_tables_are_walked_as_text(tmp_path: Path) -> None:
    document = Document()
    outer = document.add_table(1, 2)
    outer.cell(0, 0).text = "The board meets in March."
    inner = outer.cell(0, 1).add_table(2, 2)
    for at, (name, value) in enumerate([("Entry charge", "2.50%"), ("Exit charge", "0.75%")]):
        inner.cell(at, 0).text, inner.cell(at, 1).text = name, value
    parsed = _saved(document, tmp_path / "a.docx")
    assert _texts(parsed) == ["The board meets in March.", "Entry charge | 2.50%", "Exit charge | 0.75%"]
    assert parsed.grids[0].rows == (("Entry charge", "2.50%"), ("Exit charge", "0.75%"))


def test_the_figures_of_a_chart_are_a_table(tmp_path: Path) -> None:
    document = Document()
    chart = 'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
    link = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    paragraph = document.add_paragraph("Returns of the Larch Fund:")
    paragraph._p.append(parse_xml(f'<w:r {W}><w:drawing><c:chart {chart} {link} r:id="rIdChart"/></w:drawing></w:r>'))
    path = tmp_path / "a.docx"
    document.save(str(path))
    labels = "".join(f"<c:pt idx='{at}'><c:v>{year}</c:v></c:pt>" for at, year in enumerate((2024, 2025)))
    values = "".join(f"<c:pt idx='{at}'><c:v>{value}</c:v></c:pt>" for at, value in enumerate((0.125, 0.08)))
    series = (
        "<c:ser><c:tx><c:strRef><c:strCache><c:pt idx='0'><c:v>Return</c:v></c:pt></c:strCache></c:strRef></c:tx>"
        f"<c:cat><c:strRef><c:strCache>{labels}</c:strCache></c:strRef></c:cat>"
        f"<c:val><c:numRef><c:numCache><c:formatCode>0.0%</c:formatCode>{values}</c:numCache></c:numRef></c:val></c:ser>"
    )
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/chart"
    relation = f'<Relationship Id="rIdChart" Target="charts/chart1.xml" Type="{kind}"/></Relationships>'.encode()
    changed(
        path,
        {"word/_rels/document.xml.rels": lambda old: old.replace(b"</Relationships>", relation)},
        {"word/charts/chart1.xml": f"<c:chartSpace {chart}><c:chart>{series}</c:chart></c:chartSpace>".encode()},
    )
    (grid,) = parse(path).grids
    assert grid.rows == (("", "Return"), ("2024", "12.5%"), ("2025", "8.0%"))
    assert grid.caption == "Returns of the Larch Fund:"
