"""The rooms' abilities in the orchestrator's words."""
