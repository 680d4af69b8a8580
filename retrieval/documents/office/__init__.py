"""Office documents: the zipped container, and the parts of the readers of Word, Excel, PowerPoint and others."""
