"""What stands in sentences: read with understanding, quoted, or computed with."""
