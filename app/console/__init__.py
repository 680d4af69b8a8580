"""The review console: what was asked, what was decided, and the proof that it stands as written."""
