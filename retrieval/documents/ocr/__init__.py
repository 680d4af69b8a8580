"""Reading pictures of text: the words that tesseract finds, laid out by the same rules as those of a PDF page."""
