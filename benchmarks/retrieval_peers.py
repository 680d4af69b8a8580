"""What retrieval is measured beside: bm25s over our passages, and LlamaIndex's default over the same documents."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from retrieval.documents.parse import find_documents, parse
from retrieval.index.tokens import tokens
from retrieval.library import Library
from retrieval.types import Embed

Found = tuple[str, int | None, str]
System = Callable[[str], Sequence[Found]]


def bm25s_alone(library: Library) -> dict[str, System]:
    """bm25s with its usual constants over our passages and our words; nothing where it is not installed."""
    try:
        import bm25s
    except ImportError:
        return {}
    logging.getLogger("bm25s").setLevel(logging.WARNING)
    passages = [(info, passage) for info, passage in library.passages(one.key for one in library.everything())]
    index = bm25s.BM25(k1=1.5, b=0.75)
    index.index([tokens(f"{info.title}\n{one.section}\n{one.text}") for info, one in passages], show_progress=False)

    def search(question: str) -> list[Found]:
        words = [word for word in tokens(question) if word in index.vocab_dict]
        if not words:
            return []
        found, _ = index.retrieve([words], k=min(10, len(passages)), show_progress=False)
        return [(passages[row][1].document, passages[row][1].page, passages[row][1].text) for row in found[0].tolist()]

    return {"bm25s alone": search}


def llama_index(documents: Path, embed: Embed) -> dict[str, System]:
    """LlamaIndex as its first example has it, one document a page and its own splitter, with our encoder; nothing where it
    is not installed."""
    try:
        from llama_index.core import Document, VectorStoreIndex
        from llama_index.core.embeddings import BaseEmbedding
    except ImportError:
        return {}

    class Ours(BaseEmbedding):  # type: ignore[misc]
        def _get_query_embedding(self, query: str) -> list[float]:
            return [float(value) for value in embed([query])[0]]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_query_embedding(text)

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return [[float(value) for value in row] for row in embed(texts)]

    pages: list[Any] = []
    for found in find_documents([documents])[0]:
        texts: dict[int | None, list[str]] = {}
        for block in parse(found.path).blocks:
            texts.setdefault(block.page, []).append(block.text)
        for page, parts in texts.items():
            about = {"file_name": found.path.name, "page_label": str(page or "")}
            pages.append(Document(text="\n".join(parts), metadata=about))
    retriever = VectorStoreIndex.from_documents(pages, embed_model=Ours()).as_retriever(similarity_top_k=10)

    def search(question: str) -> list[Found]:
        return [
            (Path(one.metadata["file_name"]).stem, int(one.metadata["page_label"] or 0) or None, one.get_content())
            for one in retriever.retrieve(question)
        ]

    return {"LlamaIndex's default": search}
