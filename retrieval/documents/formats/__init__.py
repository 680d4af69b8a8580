"""One reader per file format; each turns a file into a `Parsed` (see retrieval.documents.parse)."""
