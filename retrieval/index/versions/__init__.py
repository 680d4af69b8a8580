"""A document's versions: from when to when each is in force, which one a question asks for, and how one follows another."""
