"""The report of an ingest: what was read, how well, and what is in it."""
