"""Who calls: API keys and their tables, and the people they speak for."""
