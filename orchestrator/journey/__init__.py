"""One query from its arrival to its record's end."""
