"""What clients of the OpenAI API send, as their releases of 2025 and 2026 write it: one body of each way of asking.

QUESTION stands for the question; the model is ours. A body is a client's own, with all that its library adds unasked.
"""

from __future__ import annotations

from typing import Any

from tests.app.conftest import QUESTION

Body = dict[str, Any]
_USER = {"role": "user", "content": QUESTION}
_PARTS = {"role": "user", "content": [{"type": "text", "text": QUESTION}]}
_SYSTEM = {"role": "system", "content": "You are a helpful assistant."}
_TURN = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello! How can I help?"}]
_USAGE = {"stream": True, "stream_options": {"include_usage": True}}

BODIES: dict[str, Body] = {
    "openai-python": {"messages": [_USER]},
    "openai-python stream": {"messages": [_USER], "stream": True},
    "openai-python usage": {"messages": [_USER], **_USAGE},
    "openai-python obfuscation": {
        "messages": [_USER],
        "stream": True,
        "stream_options": {"include_usage": True, "include_obfuscation": False},
    },
    "openai-python developer": {
        "messages": [{"role": "developer", "content": "Be brief."}, _PARTS],
        "max_completion_tokens": 2048,
        "reasoning_effort": "none",
        "verbosity": "medium",
        "service_tier": "auto",
        "prompt_cache_key": "portal",
        "safety_identifier": "anna",
        "store": False,
        "metadata": {"page": "funds"},
    },
    "openai-python answer sent back": {
        "messages": [
            _TURN[0],
            {**_TURN[1], "refusal": None, "annotations": [], "audio": None, "function_call": None, "tool_calls": None},
            _USER,
        ]
    },
    "openai-node": {"model": "countersign", "messages": [_USER], "n": 1, "stop": None, "logit_bias": None},
    "openai-node stream helper": {"messages": [_SYSTEM, _USER], "stream": True, "temperature": 0.7, "top_p": 1},
    "openai-node without tools": {"messages": [_USER], "tools": [], "tool_choice": "none", "parallel_tool_calls": False},
    "langchain": {"messages": [_SYSTEM, _USER], "stream": False, "temperature": 0.7},
    "langchain defaults": {"messages": [_USER], "n": 1, "temperature": 0.7, "stream": False, "max_completion_tokens": 512},
    "langchain stream": {"messages": [_SYSTEM, *_TURN, _USER], **_USAGE},
    "langchain named": {"messages": [{**_USER, "name": "anna"}], "stream": False},
    "langchain js": {
        "messages": [_USER],
        "temperature": 1,
        "top_p": 1,
        "frequency_penalty": 0,
        "presence_penalty": 0,
        "n": 1,
        "stream": False,
    },
    "llama-index": {"messages": [_USER], "temperature": 0.1},
    "llama-index chat": {"messages": [_SYSTEM, _USER], "temperature": 0.1, "max_tokens": 256, "stream": True},
    "llama-index parts": {"messages": [_PARTS], "temperature": 0.1, "logprobs": None, "top_logprobs": 0},
    "litellm": {"messages": [_USER], "stream": False},
    "litellm stream": {"messages": [_SYSTEM, _USER], **_USAGE},
    "litellm all of them": {
        "messages": [{**_USER, "content": [{"type": "text", "text": QUESTION, "cache_control": {"type": "ephemeral"}}]}],
        "functions": [],
        "function_call": "auto",
        "temperature": 1,
        "n": 1,
        "logit_bias": {},
        "user": "anna",
        "tools": [],
    },
    "pydantic-ai": {"messages": [_SYSTEM, _USER], "stream": False},
    "pydantic-ai settings": {
        "messages": [{"role": "developer", "content": "Be brief."}, _USER],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 300,
        "temperature": 0.0,
        "parallel_tool_calls": False,
        "seed": 42,
    },
    "llm": {"messages": [_USER], **_USAGE},
    "llm no stream": {"messages": [_SYSTEM, *_TURN, _USER], "stream": False, "max_tokens": 200},
    "llm options": {"messages": [_USER], "stream": False, "logit_bias": {}, "presence_penalty": 0.0, "stop": "END"},
    "vercel ai": {"messages": [_USER], "temperature": 0, "max_tokens": 400},
    "vercel ai stream": {"messages": [_SYSTEM, _USER], **_USAGE, "user": "anna"},
    "vercel ai parts": {"messages": [_SYSTEM, _PARTS], "stream": True, "seed": 9_007_199_254_740_991},
    "open-webui": {
        "stream": True,
        "messages": [_SYSTEM, _USER],
        "stream_options": {"include_usage": True},
        "temperature": 0.8,
        "top_p": 0.9,
        "frequency_penalty": 0,
        "presence_penalty": 0,
        "max_tokens": 128.0,
        "seed": -1,
        "stop": ["###"],
        "logit_bias": {},
        "top_k": 0,
        "min_p": 0,
    },
    "open-webui title": {
        "messages": [_USER],
        "stream": False,
        "max_completion_tokens": 1000,
    },
    "librechat": {
        "messages": [{**_USER, "name": None}],
        "stream": True,
        "user": "656d",
        "presence_penalty": 0,
        "frequency_penalty": 0,
    },
    "semantic kernel": {
        "messages": [_SYSTEM, _USER],
        "max_tokens": 256,
        "temperature": 0,
        "top_p": 1,
        "n": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "logit_bias": {},
        "stop": [],
        "stream": False,
    },
    "null sender": {
        "messages": [{"role": "user", "content": QUESTION, "name": None, "tool_calls": None}],
        "stream": None,
        **dict.fromkeys(
            [
                "audio",
                "frequency_penalty",
                "function_call",
                "functions",
                "logit_bias",
                "logprobs",
                "max_completion_tokens",
                "max_tokens",
                "metadata",
                "modalities",
                "n",
                "parallel_tool_calls",
                "prediction",
                "presence_penalty",
                "prompt_cache_key",
                "reasoning_effort",
                "response_format",
                "safety_identifier",
                "seed",
                "service_tier",
                "stop",
                "store",
                "stream_options",
                "temperature",
                "tool_choice",
                "tools",
                "top_logprobs",
                "top_p",
                "user",
                "verbosity",
                "web_search_options",
            ]
        ),
    },
}

REFUSED: dict[str, tuple[Body, str]] = {
    "tools of an agent": ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    "a tool that must be called": ({"tool_choice": "required"}, "tool_choice"),
    "functions": ({"functions": [{"name": "f"}]}, "functions"),
    "langchain with_structured_output": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "A", "schema": {}, "strict": True}}},
        "response_format",
    ),
    "JSON mode": ({"response_format": {"type": "json_object"}}, "response_format"),
    "several choices": ({"n": 2}, "n"),
    "chances": ({"logprobs": True, "top_logprobs": 5}, "logprobs"),
    "chances alone": ({"top_logprobs": 5}, "top_logprobs"),
    "a bias": ({"logit_bias": {"50256": -100}}, "logit_bias"),
    "a penalty": ({"frequency_penalty": 0.5}, "frequency_penalty"),
    "open-webui top_k": ({"top_k": 40}, "top_k"),
    "open-webui min_p": ({"min_p": 0.05}, "min_p"),
    "open-webui user": ({"user": {"id": "1", "name": "Anna"}}, "user"),
    "effort": ({"reasoning_effort": "high"}, "reasoning_effort"),
    "sound": ({"modalities": ["text", "audio"]}, "modalities"),
    "a prediction": ({"prediction": {"type": "content", "content": "x"}}, "prediction"),
    "a search": ({"web_search_options": {}}, "web_search_options"),
    "a dearer tier": ({"service_tier": "priority"}, "service_tier"),
    "keeping at OpenAI": ({"store": True}, "store"),
    "a member that nobody knows": ({"colour": "red"}, "colour"),
    "one that nobody knows, null": ({"colour": None}, "colour"),
    "n as a truth": ({"n": True}, "n"),
    "a picture": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        "messages.0.content",
    ),
    "a sound": (
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
        "messages.0.content",
    ),
    "a file": ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}, "messages.0.content"),
    "a number as content": ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
    "a call of a tool": (
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}, _USER]},
        "messages.0.tool_calls",
    ),
    "a tool's result": ({"messages": [{"role": "tool", "tool_call_id": "1", "content": "x"}, _USER]}, "messages.0"),
    "an assistant's refusal": ({"messages": [{"role": "assistant", "refusal": "No."}, _USER]}, "messages.0.refusal"),
    "two people": ({"messages": [{**_USER, "name": "a"}, {**_USER, "name": "b"}]}, "messages"),
    "an empty stop": ({"stop": [""]}, "stop"),
    "many stops": ({"stop": ["x"] * 17}, "stop"),
}
