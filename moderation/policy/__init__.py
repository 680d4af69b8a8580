"""The moderation policy as code: what may be said, by whom, with which words; a digest of it goes into every record."""

from moderation.policy.catalogue import RAILS
from moderation.policy.load import DEFAULT_PATH, PolicyFile, load_policy, read_policy
from moderation.policy.schema import Policy, RailPolicy, Words
from moderation.policy.source import Origin, PolicyError

__all__ = [
    "DEFAULT_PATH",
    "RAILS",
    "Origin",
    "Policy",
    "PolicyError",
    "PolicyFile",
    "RailPolicy",
    "Words",
    "load_policy",
    "read_policy",
]
