"""Adapter for the client of OpenAI, and for others of the same API (Azure, vLLM, Ollama, Groq, …)."""

from typing import TypeVar

from ratchet.client import Client
from ratchet.integrations.chat_completions import ChatCompletions
from ratchet.integrations.model_api import ModelApi
from ratchet.integrations.openai_responses import Responses
from ratchet.integrations.request_hook import RequestHook

OpenAIClient = TypeVar("OpenAIClient")


def wrap_openai(openai: OpenAIClient, client: Client, *, target: str | None = None) -> OpenAIClient:
    """Record each chat completion and response of `openai`, an `OpenAI` or `AsyncOpenAI`, and return the same object.

    `target` is that of the executions; by default that of the served prompt, or of the observed call with `/openai`.
    Answers, streams and errors reach the app unchanged. Raises UnsupportedClient where it has no `request` method.
    """
    RequestHook(client, _find_api, target).install(openai)
    return openai


def _find_api(path: str) -> ModelApi | None:
    if path.endswith("/chat/completions"):
        return ChatCompletions()
    return Responses() if path.endswith("/responses") else None
