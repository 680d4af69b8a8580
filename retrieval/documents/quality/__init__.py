"""How well documents were read, and which of them say the same."""
