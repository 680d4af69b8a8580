"""Documents from where the firm keeps them: a watched folder, a bucket, a mailbox, an export of SharePoint or Confluence.

A source lists its items with their rights; `sync` brings the library to what the source holds, and to no other readers than
the firm's mapping gives. Importing this package loads no client of any source.
"""

from retrieval.sources.report import Given, SyncReport
from retrieval.sources.rights import Rights
from retrieval.sources.sync import sync
from retrieval.sources.types import Item, Listing, Source, SourceFile, SourceUnavailable

__all__ = [
    "Given",
    "Item",
    "Listing",
    "Rights",
    "Source",
    "SourceFile",
    "SourceUnavailable",
    "SyncReport",
    "sync",
]
