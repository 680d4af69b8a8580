"""The table that the readers of documents hand over; it is theirs (retrieval.documents.grid), since documents know no
graph.
"""

from __future__ import annotations

from retrieval.documents.grid import Box, Grid, unmarked

__all__ = ["Box", "Grid", "unmarked"]
