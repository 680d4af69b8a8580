"""How an event becomes durable: the store's open pool, its one sequencer, and what a crash leaves behind."""
