"""The Ratchet SDK: send executions and feedback of an LLM app, and serve approved prompts."""

from typing import TYPE_CHECKING, Any

from ratchet.errors import (
    ConfigurationError,
    ErrorCode,
    HangingFunction,
    MissingTarget,
    NoPrompt,
    NotConfigured,
    RatchetError,
    ServerUnreachable,
    UnsupportedClient,
    WorkerRefused,
)

if TYPE_CHECKING:
    from ratchet.client import AsyncRatchet, ObservedCall, Ratchet, ServedPrompt, configure, get_client
    from ratchet.client.worker import AskedCase, EvaluationWorker
    from ratchet.prompt import PromptError

_OF_THE_WORKER = ("AskedCase", "EvaluationWorker")
_OF_THE_CLIENT = (
    "AsyncRatchet",
    "ObservedCall",
    "Ratchet",
    "ServedPrompt",
    "configure",
    "get_client",
)
__all__ = [
    "AskedCase",
    "AsyncRatchet",
    "ConfigurationError",
    "ErrorCode",
    "EvaluationWorker",
    "HangingFunction",
    "MissingTarget",
    "NoPrompt",
    "NotConfigured",
    "ObservedCall",
    "PromptError",
    "Ratchet",
    "RatchetError",
    "ServedPrompt",
    "ServerUnreachable",
    "UnsupportedClient",
    "WorkerRefused",
    "configure",
    "get_client",
]


def __getattr__(name: str) -> Any:
    """Import the client at first use, so that `ratchet.prompt` alone does not import an HTTP library."""
    if name == "PromptError":
        from ratchet.prompt import PromptError

        return PromptError
    if name in _OF_THE_WORKER:
        from ratchet.client import worker

        return getattr(worker, name)
    if name not in _OF_THE_CLIENT:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ratchet import client

    return getattr(client, name)
