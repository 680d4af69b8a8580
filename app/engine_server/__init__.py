"""The on-prem engine as a process of its own: `countersign engine serve`, for any client of the OpenAI API.

It knows no tenant, no policy and no record: those are the service's, which asks it. No prompt and no answer is ever logged.
"""
