"""A policy tried on cases: what it decides, why, and as JUnit."""
