"""What is to be computed from sentences: the model writes the arithmetic under a grammar, and code computes it.

The model sees the lettered lines that were chosen for the question and may write the figures of those lines, of the question
and a few constants, with signs between them, or `none`. It selects; it cannot invent a figure, and it does not calculate.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from retrieval.evidence.look_up.compute import CannotCompute
from retrieval.evidence.prose.arithmetic.expressions import NONE, Computed, computed, pattern
from retrieval.evidence.prose.arithmetic.operands import Operand, operands

Writes = Callable[[Sequence[tuple[str, str]], str], str | None]
"""(messages, JSON schema) → what the model writes under it; None: it cannot be asked."""

INSTRUCTION = """\
You write the arithmetic that answers a question. Use only figures of the text and the question. Write none where a figure \
that is needed is missing, or where nothing is to be computed.

Text:
[A] The entry charge is 3% of the amount invested.
[B] Custody costs 25 EUR a quarter.
[C] In 2021 the fund paid 1.40 EUR a unit and in 2022 it paid 1.75 EUR.
Question: What would I pay to get in with 20,000 euros?
{"expression": "20000 * 3%"}
Question: And what is left of it to be invested?
{"expression": "20000 - 20000 * 3%"}
Question: What does custody cost me in two years?
{"expression": "25 * 4 * 2"}
Question: By how much did the payment rise?
{"expression": "1.75 - 1.4"}
Question: By how many percent did it rise?
{"expression": "(1.75 - 1.4) / 1.4 * 100"}
Question: What was paid on average?
{"expression": "(1.4 + 1.75) / 2"}
Question: I got 700 euros in 2022; how many units do I hold?
{"expression": "700 / 1.75"}
Question: What is the exit charge on 8,000 euros?
{"expression": "none"}
Question: When is custody charged?
{"expression": "none"}"""


def messages(question: str, text: str) -> list[tuple[str, str]]:
    """What the model is asked about the lines of `text`."""
    return [("system", INSTRUCTION), ("user", f"Text:\n{text}\nQuestion: {question}")]


def schema(all_operands: Sequence[Operand]) -> str:
    """The JSON schema of what may be written."""
    expression = {"type": "string", "pattern": f"^{pattern(all_operands)}$"}
    whole = {"type": "object", "properties": {"expression": expression}, "required": ["expression"]}
    return json.dumps({**whole, "additionalProperties": False})


def compute(question: str, text: str, lines: Sequence[str], writes: Writes, comma: bool = False) -> Computed | None:
    """The computation that the lines allow; None where the model sees none, or what it wrote has no value."""
    known = operands(question, lines, comma)
    if sum(one.line >= 0 for one in known) == 0:
        return None
    written = writes(messages(question, text), schema(known))
    try:
        expression = str(json.loads(written or "{}").get("expression", NONE))
        return None if expression == NONE else computed(expression, known)
    except (ValueError, CannotCompute):  # cut short, or units that do not go together
        return None
