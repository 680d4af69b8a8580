"""The composition root: builds everything that one process runs."""
