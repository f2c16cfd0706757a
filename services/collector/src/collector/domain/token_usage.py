"""Counts of tokens by the names that model providers give them. Pure."""

from collections.abc import Mapping

_NAMES = {
    "input_tokens": (
        "input_tokens", "prompt_tokens", "inputTokens", "promptTokens", "prompt_token_count", "promptTokenCount",
        "prompt_eval_count", "inputTokenCount",
    ),
    "output_tokens": (
        "output_tokens", "completion_tokens", "outputTokens", "completionTokens", "candidates_token_count",
        "candidatesTokenCount", "eval_count", "outputTokenCount",
    ),
}  # fmt: skip
"""Ours → those of OpenAI, Anthropic, Google, Bedrock, Ollama and the Vercel AI SDK; the first that says something."""


def as_usage(value: object) -> object:
    """A provider's usage with our names; its other members are left out. What is no object stays as it is."""
    if not isinstance(value, Mapping):
        return value
    found = {
        ours: next((value[name] for name in names if value.get(name) is not None), None)
        for ours, names in _NAMES.items()
    }
    return {name: count for name, count in found.items() if count is not None}
