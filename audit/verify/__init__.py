"""Recomputing a log from its rows, its file and its bundles, and saying what was changed."""
