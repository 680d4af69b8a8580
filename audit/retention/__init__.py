"""How long records are kept, legal holds, erasure, and the two people who decide."""
