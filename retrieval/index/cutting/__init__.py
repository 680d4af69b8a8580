"""From one file to its rows, words and graph: here, or in several processes apart, each file as soon as one is free."""
