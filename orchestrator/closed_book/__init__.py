"""What a language model may answer from its memory: closed book unless a request is known to be harmless."""
