"""Adapter for the client of Anthropic, also for Bedrock and Vertex."""

from typing import TypeVar

from ratchet.client import Client
from ratchet.integrations.anthropic_messages import Messages
from ratchet.integrations.model_api import ModelApi
from ratchet.integrations.request_hook import RequestHook

AnthropicClient = TypeVar("AnthropicClient")


def wrap_anthropic(anthropic: AnthropicClient, client: Client, *, target: str | None = None) -> AnthropicClient:
    """Record each message of `anthropic`, an `Anthropic` or `AsyncAnthropic`, and return the same object.

    `target` is that of the executions; by default that of the served prompt, or of the observed call with `/anthropic`.
    Answers, streams and errors reach the app unchanged. Raises UnsupportedClient where it has no `request` method.
    """
    RequestHook(client, _find_api, target).install(anthropic)
    return anthropic


def _find_api(path: str) -> ModelApi | None:
    return Messages() if path.endswith("/messages") else None
