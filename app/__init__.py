"""Countersign: the Flask service, its console, its command line, and the composition root."""

__version__ = "0.1.0"
