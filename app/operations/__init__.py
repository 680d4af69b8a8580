"""Running an installation: is it sound, take a copy of it, bring a copy back. Used by the command line alone."""
