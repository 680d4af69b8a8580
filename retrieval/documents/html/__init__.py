"""Parts of the reader of HTML: its tables."""
