"""The log's tables, their triggers and roles, tiles of the tree, and how a database is opened."""
