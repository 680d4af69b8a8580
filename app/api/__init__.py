"""The HTTP API: chat, the OpenAI-compatible form of it, the audit log, health."""
