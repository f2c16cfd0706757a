"""The client of an app: executions, feedback and prompts."""

from ratchet.client.client_base import Client
from ratchet.client.clients import AsyncRatchet, Ratchet
from ratchet.client.default_client import configure, get_client
from ratchet.client.observed_call import ObservedCall
from ratchet.client.prompts import ServedPrompt
from ratchet.client.queue import Counters
from ratchet.client.recorded_items import Consent, ExecutionFields, FeedbackFields, PromptLabel
from ratchet.client.user_sessions import UserSession
from ratchet.errors import NoPrompt

__all__ = [
    "AsyncRatchet",
    "Client",
    "Consent",
    "Counters",
    "ExecutionFields",
    "FeedbackFields",
    "NoPrompt",
    "ObservedCall",
    "PromptLabel",
    "Ratchet",
    "ServedPrompt",
    "UserSession",
    "configure",
    "get_client",
]
