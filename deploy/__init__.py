"""What an operator brings Countersign into service with; nothing in the rooms imports it."""
