"""The primary statements of real filings, cell by cell, against what a person read from the pages."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from retrieval.documents.grid import Grid
from retrieval.documents.parse import parse
from tests.retrieval.conftest import SAMPLES
from tests.retrieval.documents.expected import Expected, misread, read_expected

RIGHT = 0.98


@cache
def grids_of(file: str) -> tuple[Grid, ...]:
    sample = SAMPLES / "documents" / f"{file}.pdf"
    if sample.exists():
        return parse(sample).grids
    filing = Path(os.environ.get("COUNTERSIGN_DATA", "")) / "finance_rag" / f"{file}.pdf"
    if not filing.exists():
        pytest.skip("no filings: COUNTERSIGN_DATA names no folder with finance_rag in it")
    return parse(filing).grids


def named(expected: Expected) -> str:
    return f"{expected.file} p. {expected.page}, {expected.rows[0][0]}"


@pytest.mark.parametrize("expected", read_expected("tables_seen.txt"), ids=named)
def test_a_statement_is_read_as_a_person_reads_it(expected: Expected) -> None:
    cells, wrong = misread(expected, grids_of(expected.file))
    assert len(wrong) <= (1 - RIGHT) * cells, wrong[:10]


@pytest.mark.parametrize("expected", read_expected("tables_kept_back.txt"), ids=named)
def test_a_statement_that_the_reader_was_not_made_with_is_read_as_well(expected: Expected) -> None:
    cells, wrong = misread(expected, grids_of(expected.file))
    assert len(wrong) <= (1 - RIGHT) * cells, wrong[:10]


@pytest.mark.parametrize("expected", [one for one in read_expected("tables_seen.txt") if one.caption], ids=named)
def test_a_caption_names_the_statement_and_its_unit(expected: Expected) -> None:
    captions = [grid.caption.lower() for grid in grids_of(expected.file) if grid.page == expected.page]
    assert any(all(part.lower() in caption for part in expected.caption) for caption in captions), captions


def test_every_cell_of_a_table_has_its_place_on_the_page() -> None:
    grid = next(grid for grid in grids_of("aurora-global-equity-factsheet") if "Performance" in grid.caption)
    assert grid.page == 2
    assert grid.boxes is not None
    for cells, boxes in zip(grid.rows, grid.boxes, strict=True):
        assert [bool(cell) for cell in cells] == [box is not None for box in boxes]
    years, values = grid.boxes[0], grid.boxes[1]
    for head, value in zip(years[1:], values[1:], strict=True):
        assert head is not None
        assert value is not None
        assert value[1] < head[1]
        assert abs(value[0] - head[0]) < 20
