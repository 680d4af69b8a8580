"""The log's written form: events, tree, proofs, notes, receipts, bundles. Pure: no database is imported here."""
