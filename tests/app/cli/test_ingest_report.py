"""The report of an ingest, on a terminal and for machines."""

from __future__ import annotations

from app.cli.reading.report import Read, lines, rows
from retrieval.documents.quality.facts import Facts
from retrieval.types import IngestReport, Problem, Remark

_LONG = "research/" + "very-long-name-of-a-folder/" * 4 + "report.pdf"
_READ = (
    Read(
        _LONG,
        "pdf",
        Facts(12, 3, 4210, 2, 91, 1),
        40,
        "en",
        (("board/fees-2025.pdf", 0.96),),
        {"PERSON": 3, "IBAN_CODE": 1},
        1,
    ),
    Read("fees.xlsx", "xlsx", Facts(None, 2, 120, 0, 0, 0), 4, "de", (), None, 0),
)
_REPORT = IngestReport(
    ("a",),
    (),
    (),
    (Problem("/x.pdf", "encrypted"),),
    44,
    13,
    "d",
    remarks=(Remark("fees.xlsx", "1 hidden sheet left out: Draft"),),
)


def test_a_documents_key_is_whole_on_its_line_and_all_else_fits_a_narrow_terminal() -> None:
    told = list(lines(_READ))
    assert told[0] == _LONG
    assert all(len(line) <= 80 for line in told if line not in {one.key for one in _READ})
    said = " ".join(line.strip() for line in told)
    assert "2 pages read by OCR, 91 % sure" in said
    assert "96% the same as board/fees-2025.pdf" in said
    assert "personal data: 3 person, 1 iban code" in said
    assert "1 passage that reads like an instruction" in said
    assert "personal data: not looked for" in said
    assert "read: 2 documents, 12 pages, 2 by OCR, 1 without text, 5 tables, languages: en 1, de 1" in said


def test_the_rows_for_machines_hold_each_file_and_the_whole() -> None:
    first, second, failed, whole = rows(_READ, _REPORT)
    assert (first["pages_by_ocr"], first["ocr_sure_percent"], first["personal_data"]) == (
        2,
        91,
        {"PERSON": 3, "IBAN_CODE": 1},
    )
    assert second["notes"] == ["1 hidden sheet left out: Draft"]
    assert failed == {"not_read": "/x.pdf", "reason": "encrypted"}
    assert (whole["added"], whole["not_read"]) == (1, 1)
