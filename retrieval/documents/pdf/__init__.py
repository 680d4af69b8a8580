"""What a page of a PDF holds: characters with their places, words, tables."""
