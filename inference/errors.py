"""What can go wrong in this room. Each message names the thing, the reason and the next step."""

from __future__ import annotations

from collections.abc import Sequence


class InferenceError(Exception):
    """Base of every error that this room raises on purpose."""


class ManifestError(InferenceError):
    """The model manifest contradicts itself."""


class UnknownModel(InferenceError):
    """A name that the manifest does not list."""


class ModelMissing(InferenceError):
    """The model's files are not (all) in the store."""


class ModelDamaged(InferenceError):
    """A file's SHA-256 is not the one that the manifest pins."""


class PullFailed(InferenceError):
    """A source package could not be fetched or does not hold what the manifest says."""


class NotEnoughSpace(InferenceError):
    """The disk cannot hold what is still to be fetched."""


class ModelUnsupported(InferenceError):
    """The weights file describes a model that this engine does not implement."""


class AdapterUnfit(InferenceError):
    """A LoRA adapter was trained on another model, or asks for what this engine does not do."""


class TrainingRefused(InferenceError):
    """A fine-tuning run that cannot begin, or cannot go on where it stopped."""


class TrainingStopped(InferenceError):
    """A fine-tuning run was asked to stop and has; its checkpoint is kept."""


class RowsUnfit(TrainingRefused):
    """Lines of the training data that cannot be used: one problem each. What a line says is never repeated."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


class SchemaInvalid(InferenceError):
    """A JSON schema that cannot be turned into a grammar, so that no answer could be held to it."""


class PromptTooLong(InferenceError):
    """The prompt does not fit into the context together with one token of answer."""


class PromptInvalid(InferenceError):
    """The chat template refuses the messages (an unknown role, for instance)."""


class EngineBusy(InferenceError):
    """Too many questions wait already; `retry_after_s` says when it is worth asking again."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class EngineFailed(InferenceError):
    """A step of the model failed, or the engine is shutting down: the answer is lost and may be asked for again."""


class SchemaFailed(EngineFailed):
    """The answer could not be held to its schema while it was written: asking again would end in the same way."""
