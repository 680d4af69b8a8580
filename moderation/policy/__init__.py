"""The moderation policy as code: what may be said, by whom, with which words; a digest of it goes into every record."""

from moderation.policy.load import DEFAULT_PATH, PolicyError, load_policy
from moderation.policy.schema import RAILS, Policy, RailPolicy, Words

__all__ = ["DEFAULT_PATH", "RAILS", "Policy", "PolicyError", "RailPolicy", "Words", "load_policy"]
