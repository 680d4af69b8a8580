"""What is said of a result: templates by language, citations, short quotations."""
