"""Token counts under the names of model providers. Pure."""

from collections.abc import Mapping
from typing import Any

_NAMES = {
    "input_tokens": (
        "input_tokens", "prompt_tokens", "inputTokens", "promptTokens", "prompt_token_count", "promptTokenCount",
        "prompt_eval_count", "inputTokenCount",
    ),
    "output_tokens": (
        "output_tokens", "completion_tokens", "outputTokens", "completionTokens", "candidates_token_count",
        "candidatesTokenCount", "eval_count", "outputTokenCount",
    ),
    "cached_input_tokens": (
        "cached_input_tokens", "prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens",
        "cache_read_input_tokens", "cacheReadInputTokens", "cached_content_token_count", "cachedContentTokenCount",
        "cachedInputTokens", "inputTokenDetails.cacheReadTokens", "input_token_details.cache_read",
        "prompt_cache_hit_tokens",
    ),
    "cache_write_tokens": (
        "cache_write_tokens", "cache_creation_input_tokens", "cacheWriteInputTokens",
        "inputTokenDetails.cacheWriteTokens", "input_token_details.cache_creation",
    ),
    "reasoning_tokens": (
        "reasoning_tokens", "completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens",
        "thoughts_token_count", "thoughtsTokenCount", "reasoningTokens", "outputTokenDetails.reasoningTokens",
        "output_token_details.reasoning",
    ),
    "total_tokens": ("total_tokens", "totalTokens", "total_token_count", "totalTokenCount"),
}  # fmt: skip
"""Our name → names of OpenAI, Anthropic, Google, Bedrock, Ollama, DeepSeek, the Vercel AI SDK and LangChain.

The first non-null counts. A dot leads into an object.
"""
_APART: Mapping[str, tuple[str, ...]] = {
    "input_tokens": (
        "cache_read_input_tokens", "cache_creation_input_tokens", "cacheReadInputTokens", "cacheWriteInputTokens",
    ),
    "output_tokens": ("thoughts_token_count", "thoughtsTokenCount"),
}  # fmt: skip
"""Counts that are not in the provider's own count of the input (Anthropic, Bedrock) or output (Google)."""


def as_usage(value: object) -> object:
    """Return a provider's usage under our names, without its other members; a non-object is returned unchanged."""
    if not isinstance(value, Mapping):
        return value
    found: dict[str, Any] = {}
    for ours, names in _NAMES.items():
        count = next((given for name in names if (given := _member(value, name)) is not None), None)
        if count is not None:
            found[ours] = count
    for ours, names in _APART.items():
        parts = [value[name] for name in names if type(value.get(name)) is int]
        if parts and type(found.get(ours)) is int:
            found[ours] += sum(parts)
    return found


def _member(value: Mapping[str, Any], path: str) -> Any:
    name, dot, inner = path.partition(".")
    found = value.get(name)
    return found if not dot else found.get(inner) if isinstance(found, Mapping) else None
