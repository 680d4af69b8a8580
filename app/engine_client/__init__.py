"""Engines in other processes, asked over the OpenAI API: which one, what it said, and what happens when it dies."""
