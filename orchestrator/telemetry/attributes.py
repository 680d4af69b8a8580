"""Every span and attribute name, in one place.

The OpenTelemetry GenAI conventions are still in development, so no other file spells a `gen_ai.` name.
Invariant: spans carry counts, scores, digests and ids; never text, and never an exception's message.
"""

from __future__ import annotations

SCHEMA_URL = "https://opentelemetry.io/schemas/1.37.0"

# spans
JOURNEY = "invoke_workflow chat_turn"
REDACT = "countersign.redact"
EMBED = "countersign.embed"
RAIL = "countersign.rail"
SELECT = "countersign.select"
RETRIEVE = "countersign.retrieve"
GENERATE = "countersign.generate"
GATE = "countersign.gate"
SCREEN = "countersign.screen"
AUDIT = "countersign.audit"

# attributes of the GenAI conventions
OPERATION = "gen_ai.operation.name"
CONVERSATION = "gen_ai.conversation.id"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
FINISH_REASONS = "gen_ai.response.finish_reasons"
MAX_TOKENS = "gen_ai.request.max_tokens"
TEMPERATURE = "gen_ai.request.temperature"
TOP_K = "gen_ai.request.top_k"

# Countersign's own
QUERY = "countersign.query.id"
OUTCOME = "countersign.outcome"
BOT = "countersign.bot"
POLICY = "countersign.policy.digest"
MODEL_DIGEST = "countersign.model.digest"
RAIL_NAME = "countersign.rail.name"
RAIL_CATEGORY = "countersign.rail.category"
DIRECTION = "countersign.direction"
SEGMENT = "countersign.segment"
VERDICT = "countersign.verdict"
PROBABILITY = "countersign.probability_micro"
THRESHOLD = "countersign.threshold_micro"
ENTITIES = "countersign.pii.entities."
PASSAGES = "countersign.passages"
LEFT_OUT = "countersign.passages.left_out"
SCORE = "countersign.score_micro"
SEQ = "countersign.audit.seq"
ERROR = "error.type"

ALLOWED = frozenset(value for name, value in list(globals().items()) if name.isupper() and isinstance(value, str)) - {
    SCHEMA_URL
}
"""Names a span may carry (`ENTITIES` is a prefix); the exporter drops everything else."""
