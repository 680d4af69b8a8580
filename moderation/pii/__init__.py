"""Personal data: recognised, replaced by pseudonyms or surrogates, and restored for the caller."""
