"""Token counts under the names of model providers. Pure."""

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
"""Our name → names of OpenAI, Anthropic, Google, Bedrock, Ollama and the Vercel AI SDK; the first non-null counts."""


def as_usage(value: object) -> object:
    """Return a provider's usage under our names, without its other members; a non-object is returned unchanged."""
    if not isinstance(value, Mapping):
        return value
    found = {
        ours: next((value[name] for name in names if value.get(name) is not None), None)
        for ours, names in _NAMES.items()
    }
    return {name: count for name, count in found.items() if count is not None}
