"""Small classifiers on the sentence embedding: their weights and how they are read."""
