"""Who calls: API keys and their tables."""
