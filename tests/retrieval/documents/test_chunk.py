import itertools
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from retrieval.documents.blocks import Block, Parsed
from retrieval.documents.chunk import OVERLAP, TARGET, chunk, size
from retrieval.documents.file_names import describe
from retrieval.documents.parse import parse
from retrieval.documents.sentences import sentences
from tests.retrieval.documents.made import pdf, row

WORDS = st.text("abcdefghij", min_size=1, max_size=8)
SENTENCE = st.lists(WORDS, min_size=1, max_size=60).map(lambda words: " ".join(words).capitalize() + ".")
PROSE = st.lists(SENTENCE, min_size=1, max_size=6).map(" ".join)


@st.composite
def documents(draw: st.DrawFn) -> Parsed:
    blocks = []
    page = 1
    for _ in range(draw(st.integers(1, 12))):
        page += draw(st.integers(0, 1))
        kind = draw(st.sampled_from(["prose", "row", "heading"]))
        text = draw(PROSE if kind == "prose" else st.lists(WORDS, min_size=1, max_size=9).map(" ".join))
        blocks.append(Block(kind, text, page, 2 if kind == "heading" else 0))  # type: ignore[arg-type]
    return Parsed("", tuple(blocks), page)


@given(documents())
def test_every_word_of_a_page_is_in_a_chunk_of_that_page_and_of_no_other(parsed: Parsed) -> None:
    chunks = chunk(parsed, "Title")
    for page in {block.page for block in parsed.blocks}:
        said = [block for block in parsed.blocks if block.page == page and block.kind != "heading"]
        held = " ".join(one.text for one in chunks if one.page == page).split()
        assert {word for block in said for word in block.text.split()} <= set(held)
        on_page = {word for block in parsed.blocks if block.page == page for word in block.text.split()}
        assert set(held) <= on_page


@given(documents())
def test_no_chunk_grows_much_beyond_the_target(parsed: Parsed) -> None:
    assert all(size(one.text) <= TARGET + TARGET // 3 + OVERLAP for one in chunk(parsed, "Title"))


def test_running_text_overlaps_by_whole_sentences() -> None:
    text = " ".join(f"Sentence number {i} says something of its own about matter {i}." for i in range(60))
    chunks = chunk(Parsed("", (Block("prose", text),)), "Title")
    assert len(chunks) > 2
    for before, after in itertools.pairwise(chunks):
        assert sentences(before.text)[-1] in after.text
        assert sentences(after.text)[0] in before.text


def test_a_table_that_goes_on_repeats_its_caption_and_years() -> None:
    rows = [Block("row", f"Line item {i} $ {i},000 $ {i},111", 4) for i in range(1, 60)]
    blocks = (Block("heading", "Balance Sheets", 4, 2), Block("row", "As of June 30, 2023 2022", 4), *rows)
    chunks = chunk(Parsed("", blocks, 4), "Acme 2023 10-K")
    assert len(chunks) > 2
    assert all(one.text.startswith("Balance Sheets\nAs of June 30, 2023 2022\nLine item") for one in chunks)
    assert all(one.section == "Balance Sheets" for one in chunks)


def test_what_is_indexed_is_headed_by_title_context_and_section() -> None:
    facts = describe("AMCOR_2023Q4_EARNINGS")
    parsed = Parsed("", (Block("heading", "Outlook", 1, 2), Block("prose", "We expect growth.", 1)), 1)
    (one,) = chunk(parsed, facts.label, facts.hints)
    assert one.indexed.startswith("AMCOR 2023 Q4 earnings | ")
    assert re.search(r"FY2023.*fourth quarter.*Outlook", one.indexed.split("\n")[0])
    assert one.text == "Outlook\nWe expect growth."


def test_names_tell_company_year_period_and_form() -> None:
    facts = describe("AMERICANEXPRESS_2022_10K")
    assert (facts.label, facts.company, facts.year, facts.period) == (
        "AMERICANEXPRESS 2022 10-K",
        "AMERICANEXPRESS",
        "2022",
        "",
    )
    assert describe("acme-q3-2024-report").period == "Q3"
    assert describe("complaints-policy").label == "Complaints policy"


def test_a_table_that_goes_on_over_the_page_repeats_the_heads_of_its_first_page(tmp_path: Path) -> None:
    first = [*row(700, "Fund", (300, "Entry"), (400, "Exit")), *row(685, "Alder Fund", (300, "1.10"), (400, "1.20"))]
    first += [*row(670, "Birch Fund", (300, "2.10"), (400, "2.20"))]
    second = [*row(780, "Cedar Fund", (300, "3.10"), (400, "3.20")), *row(765, "Oak Fund", (300, "4.10"), (400, "4.20"))]
    chunks = chunk(parse(pdf(tmp_path / "long.pdf", first, second)), "Charges")
    assert chunks[-1].page == 2
    assert chunks[-1].text == "Fund | Entry | Exit\nCedar Fund | 3.10 | 3.20\nOak Fund | 4.10 | 4.20"


def test_scripts_without_blanks_are_counted_by_letters_and_cut_at_their_full_stops() -> None:
    text = "本章说明基金的一般规定和投资限制以及风险。" * 30
    chunks = chunk(Parsed("", (Block("prose", text),)), "Title")
    assert len(chunks) > 2
    assert all(size(one.text) <= TARGET + OVERLAP and one.text.endswith("。") for one in chunks)
    assert all(" " not in one.text for one in chunks)
