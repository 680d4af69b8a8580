"""What companies and questions call things: line items, ratios, stated formulas, parts of a whole, instructions."""
