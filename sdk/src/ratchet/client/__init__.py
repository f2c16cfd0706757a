"""The client of an app: executions, feedback and prompts."""

from ratchet.client.clients import AsyncRatchet, Ratchet
from ratchet.client.items import Consent, ExecutionFields, FeedbackFields, PromptLabel
from ratchet.client.prompts import NoPrompt, ServedPrompt
from ratchet.client.queue import Counters

__all__ = [
    "AsyncRatchet",
    "Consent",
    "Counters",
    "ExecutionFields",
    "FeedbackFields",
    "NoPrompt",
    "PromptLabel",
    "Ratchet",
    "ServedPrompt",
]
