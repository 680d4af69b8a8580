"""The console's pages, in the order of the navigation. A new page is a module, a template, and a line here."""

from app.console.pages import documents, queries, query, retention, reveal, sign_in, switches

PAGES = (
    sign_in,
    queries,
    query,
    reveal,
    retention,
    documents,
    switches,
)
