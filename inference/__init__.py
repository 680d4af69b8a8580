"""The on-prem engine: open-weight models that run on the firm's own machines in JAX.

Importing this package is cheap: JAX, Flax and the tokenizers are loaded only by `inference.engine.chat` and
`inference.encoder`. What is named here are the plain words of the room and the store of model files.
"""

from inference.errors import (
    AdapterUnfit,
    EngineBusy,
    EngineFailed,
    InferenceError,
    ModelDamaged,
    ModelMissing,
    ModelUnsupported,
    PromptTooLong,
    RowsUnfit,
    SchemaFailed,
    SchemaInvalid,
    TrainingRefused,
    TrainingStopped,
)
from inference.store.manifest import ModelSpec, load_manifest
from inference.store.model_store import ModelStore
from inference.types import Completion, Delta, Message, Prompt, Sampling, Terms

__all__ = [
    "AdapterUnfit",
    "Completion",
    "Delta",
    "EngineBusy",
    "EngineFailed",
    "InferenceError",
    "Message",
    "ModelDamaged",
    "ModelMissing",
    "ModelSpec",
    "ModelStore",
    "ModelUnsupported",
    "Prompt",
    "PromptTooLong",
    "RowsUnfit",
    "Sampling",
    "SchemaFailed",
    "SchemaInvalid",
    "Terms",
    "TrainingRefused",
    "TrainingStopped",
    "load_manifest",
]
