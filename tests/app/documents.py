"""A service whose library is real and whose encoder counts words: for what is done with documents, not for their ranking."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from retrieval.library import Library
from tests.app.conftest import Site, site
from tests.retrieval.conftest import HashingEmbedder


@dataclass(frozen=True)
class Quiet:
    """As much of a `Running` as documents need."""

    library: Library

    def close(self) -> None:
        """Nothing runs."""


def site_with_documents(home: Path) -> Site:
    """A site; `board` is a caller who reads the board's documents too."""
    found = site(home)
    settings = found.deployment.settings
    found.keys["board"] = found.deployment.keys.create("halden", "caller", "board", ("public", "board"))
    found.service.begin(Quiet(Library.open(settings.library_dir, HashingEmbedder())))  # type: ignore[arg-type]
    return found


def upload(name: str, text: str, **fields: Any) -> dict[str, Any]:
    """A multipart form with a document."""
    return {"data": {"file": (BytesIO(text.encode()), name), "reason": "case 12", **fields}}
