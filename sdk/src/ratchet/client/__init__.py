"""The client of an app: executions, feedback and prompts."""

from ratchet.client.clients import AsyncRatchet, Ratchet
from ratchet.client.prompts import NoPrompt, ServedPrompt
from ratchet.client.queue import Counters
from ratchet.client.recorded_items import Consent, ExecutionFields, FeedbackFields, PromptLabel

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
