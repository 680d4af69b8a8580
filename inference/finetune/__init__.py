"""Supervised fine-tuning: a LoRA adapter (arXiv:2106.09685) for one chat model, from the firm's own conversations.

`training.finetune` is the run. The rows are the firm's: what they say is never logged, printed or named in an error.
optax and Orbax (the extra `finetune`) are imported by `steps` and `record` alone.
"""
