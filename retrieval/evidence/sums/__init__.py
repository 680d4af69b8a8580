"""Sums of a caller's own figures: read strictly, computed in decimals, shown with the working. No document, no model."""
