"""`countersign models` and `countersign engine`."""
