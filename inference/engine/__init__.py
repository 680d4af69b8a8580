"""One engine: requests in, tokens out; scheduling, prefix cache, draft tokens, sampling, schemas."""
