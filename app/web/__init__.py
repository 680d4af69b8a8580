"""What every HTTP page shares: the caller, the query under way, problem documents."""
