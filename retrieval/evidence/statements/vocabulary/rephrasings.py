"""Questions that ask for a ratio without its name: "how many days did it take to collect its receivables?".

Invariant: what is put in the place of a question's words asks for the same figure.
"""

from __future__ import annotations

import re

_OTHERWISE = (
    (
        re.compile(
            r"\bhow many times (?:has|did|does|have|had|do) (?:thecompany|it|they) (?:sold|sell|turned"
            r"|turn)(?: over)? (?:its|their) inventories\b"
        ),
        "what is the inventories turnover of thecompany",
    ),
    (
        re.compile(
            r"\bhow many times (?:has|did|does|have|had|do) (?:thecompany|it|they) (?:collected|collect) (?:its"
            r"|their) receivables\b"
        ),
        "what is the receivables turnover of thecompany",
    ),
    *(
        (
            re.compile(
                rf"\bhow (?:many days|long) (?:does|did|has|do|on average does|on average did) (?:it )?(?:on"
                rf" average )?(?:takes? )?"
                rf"(?:thecompany|it|they)?(?: (?:take|need|require|taken))?(?: thecompany)?(?: on average)?"
                rf" (?:to )?(?:{verbs}) (?:(?:its|their|the|customer|all|from) )*(?:{things})\b"
            ),
            f"what is the {measure} of thecompany",
        )
        for verbs, things, measure in (
            ("collect|receive|turn", "receivables|cash from customers|accounts receivables", "days sales outstanding"),
            ("pay|settle", "suppliers|accounts payables|payables|vendors|bills", "days payables outstanding"),
            ("sell|turn|clear|hold", "inventories|stock", "days inventories outstanding"),
        )
    ),
)


def rephrased(text: str) -> str:
    """The plain core of a question, its ratio named."""
    for pattern, words in _OTHERWISE:
        text = pattern.sub(words, text)
    return text
