import multiprocessing
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from retrieval.index import corpus as corpora
from retrieval.index import ingest as ingesting
from retrieval.index.corpus import Corpus
from retrieval.index.generations import Store
from retrieval.library import Library
from retrieval.types import EmbeddingMismatch, LibraryBusy, LibraryDamaged, RetrievalError
from tests.retrieval.conftest import PUBLIC, STAFF, HashingEmbedder

Write = Callable[[str, str], Path]


def test_a_passage_says_document_section_and_rank(library: Library, write: Write) -> None:
    library.ingest(
        [write("fees.md", "# Fees\n\n## Entry charge\n\nThe entry charge is 3.00%.\n\n## Exit\n\nNone.")],
        PUBLIC,
    )
    best = library.search("How high is the entry charge?", 2, PUBLIC)[0]
    assert (best.document, best.source, best.title, best.section) == (
        "fees",
        "fees.md",
        "Fees",
        "Entry charge",
    )
    assert (best.rank, best.page) == (1, None)
    assert "3.00%" in best.text
    assert best.citation == "Fees, Entry charge"
    assert 0 < best.dense <= 1


def test_an_empty_library_and_an_empty_question_find_nothing(library: Library, write: Write) -> None:
    assert library.search("anything", 5, PUBLIC) == []
    library.ingest([write("a.md", "Some text.")], PUBLIC)
    assert library.search("   ", 5, PUBLIC) == []
    assert library.search("text", 5, frozenset()) == []


def _split(write: Write) -> tuple[list[Path], list[Path]]:
    """Public notes on fees, and three times as many secret ones that answer the question better."""
    public = [write(f"note{i}.md", f"# Note {i}\n\nThe annual charge of fund {i} is known.") for i in range(8)]
    secret = [write(f"secret{i}.md", f"# Bonus {i}\n\nannual charge bonus annual charge bonus {i}") for i in range(24)]
    return public, secret


@pytest.mark.parametrize("lists", ["both", "dense", "sparse"])
def test_a_searcher_without_the_group_still_gets_k_permitted_passages(library: Library, write: Write, lists: str) -> None:
    public, secret = _split(write)
    library.ingest(public, PUBLIC)
    library.ingest(secret, STAFF)
    found = library.search("annual charge bonus", 8, PUBLIC, using=lists)  # type: ignore[arg-type]
    assert len(found) == 8
    assert all(passage.document.startswith("note") for passage in found)
    assert library.search("annual charge bonus", 1, PUBLIC | STAFF)[0].document.startswith("secret")


def test_forbidden_documents_change_neither_order_nor_scores_of_permitted_ones(tmp_path: Path, write: Write) -> None:
    public, secret = _split(write)
    alone = Library.open(tmp_path / "alone", HashingEmbedder())
    alone.ingest(public, PUBLIC)
    mixed = Library.open(tmp_path / "mixed", HashingEmbedder())
    mixed.ingest(public, PUBLIC)
    mixed.ingest(secret, STAFF)
    for question in ("annual charge bonus", "fund 3", "known notes", "bonus"):
        assert mixed.search(question, 8, PUBLIC) == alone.search(question, 8, PUBLIC)


def test_forbidden_rows_never_come_out_of_either_search(library: Library, write: Write) -> None:
    public, secret = _split(write)
    library.ingest(public, PUBLIC)
    library.ingest(secret, STAFF)
    _, contents = Store(library._store.root).read()
    corpus = Corpus(contents)
    view = corpus.view(corpus.seen(PUBLIC, date(2026, 1, 1)))
    query = HashingEmbedder()(["annual charge bonus"])[0]
    hits = view.dense(query, 1000) + view.sparse({"annual": 1.0, "charg": 1.0, "bonus": 1.0}, 1000)
    assert hits
    assert {row for row, _ in hits} <= set(view.rows.tolist())
    assert {contents.documents[contents.rows[row]["document"]].access for row, _ in hits} == {PUBLIC}


@pytest.mark.parametrize("kind", ["view", "graph"])
def test_the_views_of_the_last_searchers_are_kept_and_no_more(
    library: Library, write: Write, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    groups = [frozenset({name}) for name in "abc"]
    for number, group in enumerate(groups):
        library.ingest([write(f"{number}.md", f"# Note {number}\n\nText.")], group)
    monkeypatch.setattr(corpora, "_VIEWS_KEPT", 2)
    monkeypatch.setattr(corpora, "_GRAPH_VIEWS_KEPT", 2)
    corpus = Corpus(Store(library._store.root).read()[1])

    def made(group: frozenset[str]) -> object:
        return getattr(corpus, kind)(corpus.seen(group, date(2026, 1, 1)))

    first, second = made(groups[0]), made(groups[1])
    assert made(groups[0]) is first
    made(groups[2])
    assert made(groups[0]) is first, "used since the second one was"
    assert made(groups[1]) is not second


def test_documents_lists_only_what_the_groups_may_see(library: Library, write: Write) -> None:
    library.ingest([write("open.md", "Text.")], PUBLIC)
    library.ingest([write("closed.md", "Text.")], STAFF)
    assert [one.key for one in library.documents(PUBLIC)] == ["open.md"]
    assert [one.key for one in library.documents(PUBLIC | STAFF)] == ["closed.md", "open.md"]


def test_what_is_unchanged_is_not_embedded_again(library: Library, write: Write, embedder: HashingEmbedder) -> None:
    paths = [write("a.md", "# A\n\nAlpha text."), write("b.md", "# B\n\n## One\n\nBeta.\n\n## Two\n\nGamma.")]
    first = library.ingest(paths, PUBLIC)
    assert (first.added, first.chunks_embedded) == (("a.md", "b.md"), 3)
    embedder.seen.clear()
    second = library.ingest(paths, PUBLIC)
    assert (second.unchanged, second.chunks_embedded, second.digest) == (("a.md", "b.md"), 0, first.digest)
    assert len(embedder.seen) == 1  # the probe that tells one model from another
    write("b.md", "# B\n\n## One\n\nBeta.\n\n## Two\n\nDelta instead.")
    third = library.ingest(paths, PUBLIC)
    assert (third.changed, third.chunks_embedded) == (("b.md",), 1)
    assert third.digest != first.digest
    assert all("Gamma" not in passage.text for passage in library.search("Gamma", 9, PUBLIC))
    assert "Delta" in library.search("Delta instead", 1, PUBLIC)[0].text


def test_other_access_groups_replace_the_old_ones_without_embedding(library: Library, write: Write) -> None:
    path = write("a.md", "Alpha text.")
    library.ingest([path], PUBLIC)
    report = library.ingest([path], STAFF)
    assert (report.changed, report.chunks_embedded) == (("a.md",), 0)
    assert library.search("alpha", 1, PUBLIC) == []
    assert library.search("alpha", 1, STAFF)


def test_a_file_that_cannot_be_read_does_not_stop_the_others(library: Library, write: Write, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"no pdf")
    report = library.ingest([broken, tmp_path / "missing.md", write("good.md", "Good text.")], PUBLIC)
    assert report.added == ("good.md",)
    assert [Path(problem.path).name for problem in report.problems] == ["broken.pdf", "missing.md"]
    assert library.search("good", 1, PUBLIC)


def test_no_group_at_all_is_refused(library: Library, write: Write) -> None:
    with pytest.raises(RetrievalError, match="access group"):
        library.ingest([write("a.md", "One.")], frozenset())


def test_progress_ends_at_the_total(library: Library, write: Write) -> None:
    calls: list[tuple[int, int, str]] = []
    paths = [write(f"{i}.md", f"Text {i}.") for i in range(70)]
    library.ingest(paths, PUBLIC, lambda done, total, label: calls.append((done, total, label)))
    assert "reading 0.md" in {label for _, _, label in calls}
    assert calls[-1] == (70, 70, "embedding")
    done = [done for done, _, label in calls if label == "embedding"]
    assert done == sorted(done)


def test_another_opened_library_notices_an_ingest(library: Library, write: Write, tmp_path: Path) -> None:
    reader = Library.open(tmp_path / "library", HashingEmbedder())
    assert reader.search("alpha", 1, PUBLIC) == []
    library.ingest([write("a.md", "Alpha text.")], PUBLIC)
    assert reader.search("alpha", 1, PUBLIC)
    assert reader.digest == library.digest


def test_a_crash_before_the_swap_leaves_the_old_generation_working(
    library: Library, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.ingest([write("a.md", "Alpha text.")], PUBLIC)
    before = library.digest

    def crash(source: object, target: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("retrieval.index.generations.os.replace", crash)
        with pytest.raises(KeyboardInterrupt):
            library.ingest([write("b.md", "Beta text.")], PUBLIC)
    again = Library.open(tmp_path / "library", HashingEmbedder())
    assert again.digest == before
    assert again.search("alpha", 1, PUBLIC)
    again.ingest([write("b.md", "Beta text.")], PUBLIC)
    assert again.search("beta", 1, PUBLIC)[0].document == "b"
    assert len(list((tmp_path / "library" / "generations").iterdir())) == 2  # in force, and the one before


def test_long_ingests_commit_on_the_way(
    library: Library, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "_COMMIT_EVERY", 2)
    paths = [write(f"{i}.md", f"Text {i}.") for i in range(6)]
    embedder = HashingEmbedder()

    def failing(texts: list[str]) -> np.ndarray:  # type: ignore[type-arg]
        if any("Text 2." in text for text in texts):
            raise OSError("the machine stops")
        return embedder(texts)

    with pytest.raises(OSError, match="stops"):
        Library.open(tmp_path / "library", failing).ingest(paths, PUBLIC)  # type: ignore[arg-type]
    assert [one.key for one in library.documents(PUBLIC)] == ["0.md", "1.md"]


def test_another_model_is_refused_until_everything_is_embedded_again(library: Library, write: Write, tmp_path: Path) -> None:
    library.ingest([write("a.md", "Alpha text."), write("b.md", "Beta text.")], PUBLIC)
    other = Library.open(tmp_path / "library", HashingEmbedder(64, salt="x"))
    with pytest.raises(EmbeddingMismatch, match="dimensions"):
        other.search("alpha", 1, PUBLIC)
    with pytest.raises(EmbeddingMismatch, match="rebuild"):
        other.ingest([write("a.md", "Alpha text.")], PUBLIC)
    report = other.ingest([write("a.md", "Alpha text.")], PUBLIC, rebuild=True)
    assert report.chunks_embedded == 2
    assert other.search("beta", 1, PUBLIC, using="dense")[0].document == "b"


def test_a_second_writer_waits_and_then_says_who_is_in_the_way(library: Library, write: Write, tmp_path: Path) -> None:
    with Store(tmp_path / "library").locked(), pytest.raises(LibraryBusy, match="another ingest"):
        library.ingest([write("a.md", "Alpha.")], PUBLIC, lock_timeout=0.1)


def _ingest_one(root: str, path: str) -> None:
    Library.open(Path(root), HashingEmbedder()).ingest([Path(path)], PUBLIC)


@pytest.mark.process
def test_ingests_of_several_processes_lose_nothing(library: Library, write: Write, tmp_path: Path) -> None:
    paths = [write(f"{i}.md", f"Text of document {i}.") for i in range(4)]
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_ingest_one, args=(str(tmp_path / "library"), str(path))) for path in paths]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert [one.key for one in library.documents(PUBLIC)] == [f"{i}.md" for i in range(4)]


def test_searches_go_on_while_another_thread_ingests(library: Library, write: Write) -> None:
    library.ingest([write("a.md", "Alpha text.")], PUBLIC)
    failures: list[BaseException] = []
    stop = threading.Event()

    def search() -> None:
        try:
            while not stop.is_set():
                assert library.search("alpha", 1, PUBLIC)[0].document == "a"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(8):
        library.ingest([write(f"more{i}.md", f"Other matter {i}.")], PUBLIC)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_damaged_generation_is_named_with_what_to_do(library: Library, write: Write, tmp_path: Path) -> None:
    library.ingest([write("a.md", "Alpha text.")], PUBLIC)
    (damaged,) = (tmp_path / "library" / "generations").iterdir()
    (damaged / "chunks.jsonl").write_text("")
    with pytest.raises(LibraryDamaged, match=r"backup.*ingest again"):
        Library.open(tmp_path / "library", HashingEmbedder())


def test_a_question_about_a_ratio_is_widened_to_the_statement_it_is_computed_from(library: Library, write: Write) -> None:
    library.ingest(
        [
            write(
                "statement.md",
                "# Consolidated balance sheets\n\nTotal current assets 5,308. Total current liabilities 4,476.",
            ),
            write("letter.md", "# Letter\n\nOur progress was quick and every ratio of success improved."),
        ],
        PUBLIC,
    )
    assert library.search("Has the current ratio improved?", 1, PUBLIC)[0].document == "statement"
