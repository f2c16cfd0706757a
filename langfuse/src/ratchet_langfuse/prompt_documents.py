"""Conversion of a Langfuse prompt version to a prompt document."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ratchet.prompt import SCHEMA, Prompt, parse
from ratchet.prompt.messages import texts_in
from ratchet.prompt.placeholders import names
from ratchet_langfuse.schemas import PromptVersion

_FIELDS = ("role", "content", "name", "tool_calls", "tool_call_id")
"""Fields of a message that are sent to a model; Langfuse adds a type."""


def to_document(version: PromptVersion) -> Prompt:
    """Convert a version: a text becomes a system message, the config the parameters.

    Raises PromptError for content that a document cannot represent, such as an unknown role.
    """
    messages = list(_messages(version.prompt))
    variables = dict.fromkeys(
        used for message in messages for text in texts_in(message.get("content")) for used in names(text)
    )
    return parse(
        {
            "schema": SCHEMA,
            "messages": messages,
            "variables": {name: {"type": "string"} for name in variables},
            "parameters": _parameters(version.config),
        }
    )


def _messages(prompt: str | Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    if isinstance(prompt, str):
        yield {"role": "system", "content": prompt}
        return
    for message in prompt:
        if "role" in message:
            yield {key: value for key, value in message.items() if key in _FIELDS}
        else:
            yield {"type": "placeholder", "name": message.get("name")}


def _parameters(config: Any) -> dict[str, Any]:
    if config is None or config == []:
        return {}
    return config if isinstance(config, dict) else {"config": config}
