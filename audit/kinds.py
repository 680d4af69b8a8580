"""Every kind of event that the log knows: one value each. docs/events.md is made from this file (`python docs/events.py`).

Invariant: a kind that was ever written keeps its name and the meaning of its fields, because logs that hold it are never
rewritten; a new meaning is a new kind. Kinds of looks, and only those, begin with `access.`.
To add one: write it here, append it, test that it is appended, and make docs/events.md again.
"""

from __future__ import annotations

from audit.format.kind import (
    COUNT,
    COUNT_OR_NULL,
    DAYS,
    DIGEST,
    FLAG,
    INTEGER,
    LIST,
    MICROSECONDS,
    MILLIONTHS,
    OBJECT,
    TEXT,
    TEXT_OR_NULL,
    TIME_OR_NULL,
    Field,
    Whose,
)
from audit.format.kind import Kind as Kind

LOOKS = "access."
"""How every kind of a look begins, so that a database can tell looks from steps by the name."""

_bot = Field("bot", TEXT, "name of the bot")
_rail = Field("rail", TEXT, "name of the rail; empty where no rail was the cause")
_reason = Field("reason", TEXT, "why, in words")
_why_looked = Field("reason", TEXT, "why somebody looked, as they said it", optional=True)
_channel = Field("channel", TEXT, "`review` (the pages) or `api`; absent at a terminal", optional=True)
_needs = Field("needs", COUNT, "how many different people must agree")
_about = Field("about", TEXT, "pseudonym of the subject; `*`: everybody")
_also = Field("also", LIST, "pseudonyms of the same person in records of earlier releases", optional=True)
_request = Field("request", TEXT, "id of the erasure")
_hold = Field("hold", TEXT, "id of the hold")
_role = Field("role", TEXT, "`in force` or `candidate`")
_policy_seen = "`digest`, `version` as this tenant's records show them, `document`: digest of the whole file"
_asked_to_reveal = Field("request", COUNT, "number of the event that asked")

# One query, in the order in which its events usually come.

RECEIVED = Kind(
    "received", Whose.QUERY, "A query came in; nothing of it was looked at yet. The first event of a query.",
    body=(Field("characters", COUNT, "of the question as typed"),
          Field("unread", COUNT, "messages brought along that nobody reads: stored here already, or too old",
                optional=True)),
)  # fmt: skip
REDACTED = Kind(
    "redacted", Whose.QUERY, "Personal data in the question was replaced by pseudonyms.",
    body=(Field("question", TEXT, "the question with its pseudonyms; all later steps see this text alone"),
          Field("entities", OBJECT, "kind of personal data to how often it was replaced")),
)  # fmt: skip
BROUGHT = Kind(
    "brought", Whose.QUERY,
    "A client brought along an instruction or an earlier turn of the conversation. That a turn was so is the client's claim,"
    " unless `said_in` names the query in which we said it.",
    body=(Field("number", COUNT, "of the message, from 1; its verdicts bear it as `context`"),
          Field("role", TEXT, "whose message: `system`, `developer`, `user`, `assistant`"),
          Field("text", TEXT, "the message with its pseudonyms"),
          Field("effect", TEXT, "of its verdicts: `read` (a model may read it), `redacted` (it may read `shown`), `steered`"
                " (it reads the policy's correction too), `left_out`, `refused` (an instruction: nothing is answered)"),
          Field("shown", TEXT, "of a redacted message: what a model may read", optional=True),
          Field("said_in", TEXT_OR_NULL, "of an assistant's turn: the query in which we said exactly this; null: a claim")),
)  # fmt: skip
LEFT_OUT = Kind(
    "left_out", Whose.QUERY, "A message that the client brought along was kept from the model: a rail objected to it.",
    body=(Field("role", TEXT, "whose message: `system`, `developer`, `user`, `assistant`"),
          Field("text", TEXT, "the message with its pseudonyms")),
)  # fmt: skip
NOT_CARRIED = Kind(
    "not_carried", Whose.QUERY,
    "Earlier turns of the conversation were kept from every bot: who asks now may not read what they rest on.",
    body=(Field("turns", LIST, "oldest first: `query`, its id, and `reason`: `groups` (it was asked with groups that the"
                " asker has not), `documents` (one may no longer be read, or is gone), `unknown` (what it rests on was not"
                " kept)"),),
)  # fmt: skip
UNDERSTOOD = Kind(
    "understood", Whose.QUERY,
    "The question was read as something else, a follow-up made whole or in English; the documents are asked that.",
    body=(Field("language", TEXT, "of the question (ISO 639-1), as its small words tell it"),
          Field("reading", TEXT, "the question as it was read, with its pseudonyms"),
          Field("model", TEXT, "name of the model that translated it; empty where none did"),
          Field("whole", TEXT, "of a follow-up: with what it left unsaid, before any translation", optional=True),
          Field("slots", OBJECT, "what it took over: the `question` that it follows, its `entity`, its `periods`",
                optional=True)),
)  # fmt: skip
RETRIEVED = Kind(
    "retrieved", Whose.QUERY, "Passages of the documents that the caller may read were looked up.",
    body=(Field("passages", LIST, "best first: `number`, `document`, `page`, `section`, `chunk`; `score`, `dense` in"
                " millionths"),
          Field("corpus", TEXT, "digest of the documents that were searched")),
)  # fmt: skip
SCREENED = Kind(
    "screened", Whose.QUERY, "Passages that read like instructions to a model were left out.",
    body=(Field("kept", COUNT, "passages that a model may see"),
          Field("left_out", LIST, "`number` (as in `retrieved`), `chunk`, `document`, `page`, `reason`; `probability`,"
                " `threshold` in millionths")),
)  # fmt: skip
ROUTED = Kind(
    "routed", Whose.QUERY, "A bot was chosen to answer.",
    body=(Field("bot", TEXT, "the first to be asked; empty where none may answer"),
          Field("fallback", LIST, "bots to be asked after it, in order"),
          Field("candidates", LIST, "`bot`, `score` in millionths, `reason`, `removed` (by a hard rule)")),
    labels=(_bot,),
)  # fmt: skip
JUDGED = Kind(
    "judged", Whose.QUERY, "One rail judged one text: the question, a message brought along, a segment or a quote.",
    body=(Field("direction", TEXT, "`input` or `output`"),
          Field("segment", COUNT_OR_NULL, "number of the answer's segment; null: the text is no segment"),
          Field("context", COUNT, "number of the message brought along; absent: it is none", optional=True),
          _rail,
          Field("category", TEXT, "what the rail found"),
          Field("verdict", TEXT, "`allow`, `redact`, `steer` or `block`"),
          Field("probability", MILLIONTHS, "of the category"),
          Field("threshold", MILLIONTHS, "from which on the policy acts"),
          Field("reason", TEXT, "of the rail, in words"),
          Field("spans", LIST, "`[start, end]` in characters of the text"),
          Field("us", MICROSECONDS, "that the rail took")),
    labels=(Field("verdict", TEXT, "as in the body"), _rail),
)  # fmt: skip
STEERED = Kind(
    "steered", Whose.QUERY, "A bot was told to answer differently, because a rail's verdict was to steer.",
    body=(_bot, _rail),
)  # fmt: skip
LEAVING = Kind(
    "leaving", Whose.QUERY,
    "The question, with its pseudonyms, is about to leave the firm's own machines for a bot that asks outside.",
    body=(_bot,), labels=(_bot,),
)  # fmt: skip
BOT_FAILED = Kind(
    "bot_failed", Whose.QUERY, "A bot failed to answer; the next of the chain is asked.",
    body=(_bot, _reason), labels=(_bot,),
)  # fmt: skip
GENERATED = Kind(
    "generated", Whose.QUERY, "A bot has made its text; the envelope's `model` is the digest of what made it.",
    body=(_bot, Field("model", TEXT, "name of the model, or `connector:` and the name of the connector")),
    labels=(_bot,),
    further="what the bot and its engine tell: `prompt` (digest), `kept` and `dropped` (sentences), `prompt_tokens`,"
    " `completion_tokens`, `finish_reason`,"
    " `cut` (where the caller wanted it to end: `length` or `stop`), `operation`, `id`, `as_of`, `surrogates`, `failed`; of"
    " documents `chance` and `least` (of being right, in millionths), `quotations`, `figures`"
    " (`value`, `unit`, `scale`, `currency`,"
    " `period`, `cells`) and `plan` (`kind`, `plan`, `working`, and where something was computed `computation`:"
    " `operation` and `groups`, the numbers of its operands in `figures`, whose number 0 is the result, and"
    " `beside`, a second such computation with its `value`; or `relation`,"
    " `n`, `bound`, `scale` and the `compared` figures; or of sentences `expression` and its `operands` with their"
    " `source`); of a withheld answer `nearly`, what was found and not said: `how`, `chance`, `places`, `plan`,"
    " `figures`",
)  # fmt: skip
CITED = Kind(
    "cited", Whose.QUERY, "A mark such as [2] in the answer points to a passage.",
    body=(Field("number", COUNT, "in the mark"), Field("document", TEXT, "its id"), Field("page", COUNT_OR_NULL, "from 1"),
          Field("section", TEXT, "its heading"), Field("quote", TEXT, "the passage's words; empty where a rail objected"),
          Field("origin", OBJECT, "`id` of the document's version, `passage` (its number there, from 1), `valid_from`,"
                " `valid_until` (ISO 8601 days); empty where unknown", optional=True)),
)  # fmt: skip
RELEASED = Kind(
    "released", Whose.QUERY, "A segment of the answer passed its rails and may be sent; it is sent after this is durable.",
    body=(Field("segment", COUNT, "its number"), Field("text", TEXT, "with its pseudonyms"),
          Field("citations", LIST, "numbers of citations that appear for the first time")),
    labels=(_bot,),
)  # fmt: skip
STOPPED = Kind(
    "stopped", Whose.QUERY, "A kill switch ended the answer.",
    body=(_reason, Field("segments", COUNT, "that had been sent")),
)  # fmt: skip
WITHHELD = Kind(
    "withheld", Whose.QUERY, "The answer, or its rest, was withheld and this message was shown instead.",
    body=(_rail, Field("message", TEXT, "as shown"), Field("alternatives", LIST, "what was offered instead, as texts")),
    labels=(_rail, Field("verdict", TEXT, "`block`")),
)  # fmt: skip
FINISHED = Kind(
    "finished", Whose.QUERY, "The query ended. The last event of a query, once; looks may follow.",
    body=(Field("outcome", TEXT, "`answered`, `refused`, `abstained`, `failed`, `cancelled`, `aborted` (the process died)"),
          Field("finish_reason", TEXT, "`stop`, `length`, `content_filter`, `error` or `cancelled`"),
          _reason,
          Field("segments", COUNT, "that were released"),
          Field("us", OBJECT, "step to microseconds; `total`: all")),
    labels=(Field("outcome", TEXT, "as in the body"), _bot,
            Field("verdict", TEXT, "the strictest of the query; absent where the process died", optional=True)),
)  # fmt: skip
SHADOWED = Kind(
    "shadowed", Whose.QUERY,
    "What a candidate policy would have decided of a query that has ended; the event names the query in `about`"
    " and is no part of its record.",
    body=(Field("about", TEXT, "id of the query"), Field("in_force", TEXT, "digest of the policy that decided"),
          Field("candidate", TEXT, "digest of the policy that is tried out"), Field("version", TEXT, "of the candidate"),
          Field("compared", COUNT, "texts"), Field("dropped", COUNT, "texts for which there was no time"),
          Field("differing", COUNT, "verdicts"),
          Field("differences", LIST, "the first of them: `rail`, `direction`, `segment`, `in_force`, `candidate`")),
    labels=(Field("about", TEXT, "id of the query"), Field("candidate", TEXT, "its digest"),
            Field("compared", COUNT, "texts"),
            Field("dropped", COUNT, "texts"), Field("differing", COUNT, "verdicts")),
)  # fmt: skip

# The firm itself: its policy, switches, keys and clocks.

POLICY_LOADED = Kind(
    "policy_loaded", Whose.HOUSE, "A policy file was put in force, or became the candidate.",
    body=(_role, Field("before", OBJECT, _policy_seen), Field("after", OBJECT, _policy_seen)),
    labels=(Field("before", DIGEST, "policy until now"), Field("after", DIGEST, "policy from now on"), _role),
)  # fmt: skip
POLICY_REJECTED = Kind(
    "policy_rejected", Whose.HOUSE, "A policy file could not be used; the policy before stays in force.",
    body=(_role, Field("problem", TEXT, "the first one, with file and line"), Field("problems", COUNT, "in all"),
          Field("kept", OBJECT, _policy_seen)),
    labels=(Field("kept", DIGEST, "policy that stays"), _role),
)  # fmt: skip
_switch = (Field("tenant", TEXT_OR_NULL, "null: every tenant"), Field("bot", TEXT_OR_NULL, "null: all bots"), _reason)
_switched = (Field("switched", TEXT, "the bot, or `all bots`"), Field("for", TEXT, "the tenant, or `every tenant`"))
SWITCH_OFF = Kind("switch.off", Whose.HOUSE, "Somebody switched a bot or a tenant off.", _switch, _switched)
SWITCH_ON = Kind("switch.on", Whose.HOUSE, "Somebody switched a bot or a tenant on again.", _switch, _switched)
_key = (Field("key", TEXT, "its id"), Field("role", TEXT, "`caller`, `auditor` or `administrator`"))
KEY_CREATED = Kind(
    "key.created", Whose.HOUSE, "Somebody made an API key. Written before it opens anything.",
    body=(Field("label", TEXT, "what it is for"), Field("groups", LIST, "whose documents it may read")), labels=_key,
)  # fmt: skip
KEY_REVOKED = Kind("key.revoked", Whose.HOUSE, "Somebody ended an API key.", labels=(_key[0],))
KEYS_ADOPTED = Kind(
    "keys.adopted", Whose.HOUSE,
    "Rows of keys and switches that a version without seals had written were sealed as they stood, once.",
    body=(Field("keys", LIST, "of this tenant: `key`, `role`, `label`, `groups`, `revoked` (or not)"),
          Field("rows", LIST, "digest of each row that is sealed, those of other tenants and of switches too")),
    labels=(Field("adopted", COUNT, "keys of this tenant"),),
)  # fmt: skip
_library = (Field("before", DIGEST, "of the library until now, as in `retrieved`; empty: there was none"),
            Field("after", DIGEST, "of the library from now on"))  # fmt: skip
_document = "`key`, `digest` (SHA-256 of the file, hex), `passages`, `groups`"
_dated = f"{_document}, `version`, `valid_from`, `valid_until` (ISO 8601 days or null)"
_succeeded = (Field("documents", LIST, f"{_dated}, `replaced` (digest of the file until now), `former` (key under which the"
                    " version until now stays; null: it goes)"), _reason)  # fmt: skip
DOCUMENTS_ADDED = Kind(
    "documents.added", Whose.HOUSE, "Documents are taken into the library. Written before anybody finds them.",
    body=(Field("documents", LIST, _dated), _reason), labels=(*_library, Field("added", COUNT, "documents")),
)  # fmt: skip
DOCUMENTS_REPLACED = Kind(
    "documents.replaced", Whose.HOUSE, "Documents of the library have other words, or are read by other rules, from now on.",
    body=_succeeded, labels=(*_library, Field("replaced", COUNT, "documents")),
)  # fmt: skip
DOCUMENTS_RESTORED = Kind(
    "documents.restored", Whose.HOUSE, "A former version of a document is in force again, as a new one.",
    body=_succeeded, labels=(*_library, Field("restored", COUNT, "documents")),
)  # fmt: skip
DOCUMENTS_CHANGED = Kind(
    "documents.changed", Whose.HOUSE, "Somebody changed who may read documents, or from when to when they are in force.",
    body=(Field("documents", LIST, f"{_dated}; `until_now`: the same members before"), _reason),
    labels=(*_library, Field("changed", COUNT, "documents")),
)  # fmt: skip
DOCUMENTS_REMOVED = Kind(
    "documents.removed", Whose.HOUSE,
    "Documents are taken out of the library: from now on nobody finds or cites them. Written before they go.",
    body=(Field("documents", LIST, _document), _reason),
    labels=(*_library, Field("removed", COUNT, "documents")),
)  # fmt: skip
SOURCE_FAILED = Kind(
    "source.failed", Whose.HOUSE,
    "A sync could not read a source, or some of it; written once until other things fail, or nothing any more.",
    body=(Field("problems", LIST, "`name` in the source, `reason`; none: all is well again"),),
    labels=(Field("source", TEXT, "its name in the settings"),
            Field("failed", COUNT, "items; of a source that cannot be reached 1")),
)  # fmt: skip
KEY_ROTATED = Kind(
    "key.rotated", Whose.HOUSE, "Checkpoints are signed by other keys than before.",
    labels=(Field("signing", TEXT, "keys that sign now, as name+hash"), Field("added", TEXT, "of them, those that are new"),
            Field("removed", TEXT, "keys that sign no more")),
)  # fmt: skip
CLOCK_JUMPED = Kind(
    "clock.jumped", Whose.HOUSE, "The wall clock was set; the event after this one is the first of the new time.",
    labels=(Field("by_us", INTEGER, "microseconds, negative: backwards"),),
)  # fmt: skip
EPOCH_STARTED = Kind(
    "epoch.started", Whose.HOUSE, "After a loss two people began a new epoch of the log, which quotes the lost checkpoint.",
    body=(_reason,),
    labels=(Field("epoch", COUNT, "its number"), Field("agreed_size", COUNT, "events that both histories share"),
            Field("lost_size", COUNT, "events of the lost checkpoint"), Field("lost_root", TEXT, "its root, hex"),
            Field("lost_note", DIGEST, "of its signed note"), Field("approver_1", TEXT, "pseudonym"),
            Field("approver_2", TEXT, "pseudonym")),
)  # fmt: skip

# What must be kept, and what was erased.

HOLD_PLACED = Kind(
    "hold.placed", Whose.HOUSE, "A legal hold keeps a subject's content, or everybody's, from erasure.",
    body=(_hold, Field("subject", TEXT_OR_NULL, "pseudonym; null: everybody"), _also, Field("matter", TEXT, "the case"),
          _reason, _needs),
    labels=(_about, _hold),
)  # fmt: skip
HOLD_LIFTED = Kind(
    "hold.lifted", Whose.HOUSE, "Somebody agreed to lift a hold; it ends when enough people have.",
    body=(_hold, _reason, _needs), labels=(_about, _hold),
)  # fmt: skip
RETENTION_SET = Kind(
    "retention.set", Whose.HOUSE, "Somebody set how long events are kept; a shorter period needs enough people.",
    body=(Field("kind", TEXT, "a kind, `access.*`, `communications` (all kinds of a query) or `*`"),
          Field("days", DAYS, "after the last such event of a subject"), _reason, _needs),
)  # fmt: skip
ERASURE_REQUESTED = Kind(
    "erasure.requested", Whose.HOUSE, "Somebody asked for the destruction of a subject's key.",
    body=(_request, Field("subject", TEXT, "pseudonym"), _also, _reason, _needs), labels=(_about, _request),
)  # fmt: skip
ERASURE_APPROVED = Kind(
    "erasure.approved", Whose.HOUSE, "A further person agreed to an erasure.", body=(_request,), labels=(_about, _request),
)  # fmt: skip
ERASURE_DONE = Kind(
    "erasure.done", Whose.HOUSE, "The subject's key was destroyed: its bodies can never be read again.",
    body=(_request, Field("keys", LIST, "SHA-256 of the ids of the destroyed keys, hex"),
          Field("scrubbed", FLAG, "the key's bytes were overwritten in the store's files"),
          Field("events", COUNT, "that nobody can read any more"),
          Field("approvers", LIST, "pseudonyms, the requester first")),
    labels=(_about, _request),
)  # fmt: skip
ERASURE_REFUSED = Kind(
    "erasure.refused", Whose.HOUSE, "An erasure was refused: a hold or a rule keeps the content, or it tells who looked.",
    body=(_request, Field("ground", TEXT, "`hold`, `retention` or `access`"), Field("detail", TEXT, "in words"),
          Field("until", TIME_OR_NULL, "when the ground ends by itself")),
    labels=(_about, _request, Field("ground", TEXT, "as in the body")),
)  # fmt: skip

# People who looked. An event with a query is one of that query, but no step of it.

VIEWED = Kind(
    "access.viewed", Whose.ACCESS, "Somebody looked at one query.",
    body=(_channel, _why_looked, Field("what", TEXT, "`receipts`: not its content", optional=True)),
)  # fmt: skip
SEARCHED = Kind(
    "access.searched", Whose.ACCESS, "Somebody looked at a list.",
    body=(Field("filters", OBJECT, "what was asked for, as texts; `list`: another list than that of queries"),
          Field("before", COUNT_OR_NULL, "event before which the page begins", optional=True),
          Field("limit", COUNT, "lines", optional=True), _channel, _why_looked),
)  # fmt: skip
SIGNED_IN = Kind(
    "access.signed_in", Whose.ACCESS, "Somebody signed in to the review pages.", body=(_channel, _why_looked),
)  # fmt: skip
SIGNED_OUT = Kind(
    "access.signed_out", Whose.ACCESS, "Somebody signed out of the review pages: every session of their key is over.",
    body=(_channel,),
)  # fmt: skip
EXPORTED = Kind(
    "access.exported", Whose.ACCESS, "Somebody is about to take events out of the log.",
    body=(Field("selection", OBJECT, "as in a bundle's header"), Field("format", TEXT, "`jsonl`, `csv` or `parquet`"),
          Field("bodies", TEXT, "`none`, `sealed` or `opened`"), _reason),
)  # fmt: skip
REVEAL_REQUESTED = Kind(
    "access.reveal_requested", Whose.ACCESS, "An administrator asked to see what a query's pseudonyms stand for.",
    body=(_reason, _needs),
)  # fmt: skip
REVEAL_APPROVED = Kind(
    "access.reveal_approved", Whose.ACCESS, "Another administrator agreed to it.", body=(_asked_to_reveal,),
)  # fmt: skip
REVEALED = Kind(
    "access.revealed", Whose.ACCESS, "The originals are about to be shown, once.",
    body=(_asked_to_reveal, _reason, Field("agreed", LIST, "pseudonyms of those who agreed")),
)  # fmt: skip

ALL: tuple[Kind, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Kind))
BY_NAME = {kind.name: kind for kind in ALL}


def is_step(name: str) -> bool:
    """Whether events of this name are communications: steps of a query, or about one. A name that the catalogue does not
    know (of a newer release) is one if it has no dot, so that a rule keeps too much rather than too little."""
    known = BY_NAME.get(name)
    return "." not in name if known is None else known.whose is Whose.QUERY


def is_look(name: str) -> bool:
    """Whether events of this name tell of somebody who looked."""
    return name.startswith(LOOKS)
