"""Tables of a page by the places of their words: where they are, their heads, their rows, their pages."""
