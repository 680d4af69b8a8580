"""Figures, periods and words as documents write them."""
