"""Files to text: one reader a format, chunks, sentences, and what a file name says."""
