"""Verdicts on questions, passages and answers, under the policy that a query began with."""
