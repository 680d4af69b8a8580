"""The air-gapped bundle (`bundle`, on the connected machine) and its installation (`install`, on the host)."""
