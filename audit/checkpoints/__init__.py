"""Signed statements of the log's size and root, kept in the database, in a file and by witnesses."""
