"""One file a step, in order. Steps on audit_* tables only ever add."""
