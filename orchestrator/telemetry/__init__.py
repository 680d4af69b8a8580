"""Spans and the only names that may stand on them."""
