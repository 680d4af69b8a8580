"""Names of people: cues, lists, spaCy's entities and what is believed of them."""
