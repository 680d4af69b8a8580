"""/v1/chat/completions of the OpenAI API: what a client may send, and the form of what it is told, by service and engine."""

from app.openai_wire.answer import DONE, chunk, event, used, whole
from app.openai_wire.request import SCOPE, CompletionBody, Message, asked_now

__all__ = ["DONE", "SCOPE", "CompletionBody", "Message", "asked_now", "chunk", "event", "used", "whole"]
