"""Figures from live services: connectors, their catalogues, an address-safe client, wording."""

from orchestrator.live_data.service import LiveData

__all__ = ["LiveData"]
