"""`countersign sync`: the library follows the places where the firm keeps its documents."""
