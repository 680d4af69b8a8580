"""Encryption of bodies under one key for each data subject; destroying the key erases the content."""
