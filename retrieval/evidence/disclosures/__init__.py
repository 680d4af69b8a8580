"""What a company's filings say in words: reasons for a change, legal proceedings, acquisitions, what the company does."""
