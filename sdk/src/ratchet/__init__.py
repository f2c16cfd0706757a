"""Send what people think of an LLM app's answers to Ratchet, and serve the prompts that people approved."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ratchet.client import AsyncRatchet, NoPrompt, Ratchet, ServedPrompt

__all__ = ["AsyncRatchet", "NoPrompt", "Ratchet", "ServedPrompt"]


def __getattr__(name: str) -> Any:
    """Loads the client when it is asked for: who needs only `ratchet.prompt` does not pay for an HTTP library."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ratchet import client

    return getattr(client, name)
