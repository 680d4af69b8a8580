"""Chunks to ranked passages: ingest, stored generations, dense and sparse lists, and their fusion."""
