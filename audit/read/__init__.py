"""Reading the log: queries with their steps, receipts, exports with proofs and as tables."""
