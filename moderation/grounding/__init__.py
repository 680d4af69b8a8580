"""Does a text say what a claim says: figures with their units, names, denials, directions, and the words themselves."""
