"""A version of a Langfuse prompt as a prompt document, so that two of them can be compared line by line."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from analyzer.langfuse.shapes import PromptVersion
from ratchet.prompt import SCHEMA, Prompt, parse
from ratchet.prompt.placeholders import names

_ROLES = {"developer": "system"}
"""Names that only some models' makers use."""


def document(version: PromptVersion) -> Prompt:
    """The same content: a text becomes a system message, a placeholder a slot, the config the parameters.

    Raises PromptError for what a document can't say, such as a role that is no model's.
    """
    messages = list(_messages(version.prompt))
    texts = [message["content"] for message in messages if isinstance(message.get("content"), str)]
    return parse(
        {
            "schema": SCHEMA,
            "messages": messages,
            "variables": {name: {"type": "string"} for text in texts for name in names(text)},
            "parameters": _parameters(version.config),
            "slots": {message["slot"]: {} for message in messages if isinstance(message.get("slot"), str)},
        }
    )


def _messages(prompt: str | Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    if isinstance(prompt, str):
        yield {"role": "system", "content": prompt}
        return
    for message in prompt:
        if "role" in message:
            yield {"role": _ROLES.get(message["role"], message["role"]), "content": message.get("content")}
        else:
            yield {"slot": message.get("name")}


def _parameters(config: Any) -> dict[str, Any]:
    if config is None or config == []:
        return {}
    return config if isinstance(config, dict) else {"config": config}
