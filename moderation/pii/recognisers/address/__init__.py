"""Postal addresses: tokens and grammar."""
