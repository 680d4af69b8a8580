"""Which bot answers: hard rules, scores, circuit breaker, and what a model may say from memory."""
