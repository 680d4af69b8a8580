"""What a question says: its language, its reading in the documents' language, what a follow-up carries on."""
