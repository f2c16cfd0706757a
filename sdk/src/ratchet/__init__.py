"""The Ratchet SDK: send executions and feedback of an LLM app, and serve approved prompts."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ratchet.client import AsyncRatchet, NoPrompt, Ratchet, ServedPrompt

__all__ = ["AsyncRatchet", "NoPrompt", "Ratchet", "ServedPrompt"]


def __getattr__(name: str) -> Any:
    """Import the client at first use, so that `ratchet.prompt` alone does not import an HTTP library."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ratchet import client

    return getattr(client, name)
