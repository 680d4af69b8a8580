"""A text as it was given and as it reads: offsets, disguises, encodings, variants."""
