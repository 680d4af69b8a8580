"""Which bot answers: hard rules, scores, circuit breaker."""
