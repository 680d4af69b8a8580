"""The evidence graph of a document: sections, tables down to their cells, sentences, defined terms, references."""
