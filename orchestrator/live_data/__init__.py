"""Figures from live services: connectors, an address-safe client, wording."""
