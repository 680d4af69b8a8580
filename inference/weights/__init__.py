"""Weights on disk to arrays: GGUF, safetensors, adapters, conversion, memory pages."""
