"""A plan carried out in the tables: rows and columns found, figures computed in decimal."""
