"""The blocks that readers produce, under their former name; they are in retrieval.documents.blocks."""

from __future__ import annotations

from retrieval.documents.blocks import Block, Parsed

__all__ = ["Block", "Parsed"]
