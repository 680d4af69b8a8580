"""Copies of log and keys, and their way back."""
