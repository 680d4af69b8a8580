"""Commands that run, prepare and look after the service."""
