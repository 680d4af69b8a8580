"""`countersign audit` and `countersign witness`."""
