"""The kinds of sources. A new one is a class that fits `retrieval.sources.Source`, and a row of the settings."""
