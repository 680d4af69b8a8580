"""The library of several machines: its generations in PostgreSQL, and the thread that follows them."""
