"""Ranking: from what the lists say of passages to an order of pages, and why each page stands where it does."""
