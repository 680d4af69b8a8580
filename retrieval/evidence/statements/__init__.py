"""Questions that the primary statements of a company's filings answer: figures looked up, ratios computed from them."""
