"""`countersign policy` and `countersign switch`."""
