"""A small live-data service: quotes, net asset values and exchange rates that change while it runs."""
