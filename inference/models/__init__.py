"""The networks: decoder transformer, the same over quantised tiles, and the sentence encoder."""
