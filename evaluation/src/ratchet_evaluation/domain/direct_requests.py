"""Cases that are sent to a model's endpoint instead of an app: the request, and what its reply means. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from ratchet.prompt import Json, Prompt, PromptError, render
from ratchet_evaluation.domain.cases import GoldenCase

Examples = Mapping[str, Sequence[Mapping[str, str]]]
CONTEXT_NAMES = ("contexts", "context", "documents", "articles")
"""Variables that get the texts of a case's contexts, where the case has no value for them."""
_SENT = ("tools", "response_format")


class InvalidRequest(ValueError):
    """A case can't be asked with a prompt, or a reply is no answer; the message says why."""


def chat_request(prompt: Prompt, case: GoldenCase, examples: Examples, default_model: str | None) -> dict[str, Json]:
    """Return the body of a chat request: rendered messages, and model, parameters and tools of the document.

    The case's input is the value of the one required variable that the case has none for; without one it is the last
    message of the user. Raises InvalidRequest.
    """
    document = prompt.to_dict()
    model = prompt.model or default_model
    if not model:
        raise InvalidRequest("the prompt names no model, and the evaluator has no default (RATCHET_DIRECT_MODEL)")
    variables, rest = _variables(prompt, case)
    try:
        messages: list[Json] = [dict(message) for message in render(prompt, variables, examples)]
    except PromptError as error:
        raise InvalidRequest(f"the prompt can't be rendered: {error}") from None
    if rest is not None:
        messages.append({"role": "user", "content": rest})
    parameters = document.get("parameters")
    sent = {name: document[name] for name in _SENT if document.get(name)}
    return {**(parameters if isinstance(parameters, dict) else {}), **sent, "model": model, "messages": messages}


def returned_value(reply: Mapping[str, Any]) -> dict[str, Json]:
    """Return what a reply answers, as an app's function would: its text, and the tools that it calls.

    Raises InvalidRequest.
    """
    try:
        message = reply["choices"][0]["message"]
        called = [call["function"] for call in message.get("tool_calls") or ()]
        tools: list[Json] = [{"name": each["name"], "arguments": each["arguments"]} for each in called]
        output = message.get("content")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise InvalidRequest("the endpoint's reply is not a chat completion") from None
    if not isinstance(output, str) and not tools:
        raise InvalidRequest("the endpoint's reply has no text")
    return {"output": output or "", **({"tools": tools} if tools else {})}


def _variables(prompt: Prompt, case: GoldenCase) -> tuple[dict[str, Json], str | None]:
    """Return the values of a prompt's variables, and the input if no variable takes it."""
    values: dict[str, Json] = {name: case.variables[name] for name in prompt.variables if name in case.variables}
    asked = case.input if isinstance(case.input, str) and case.input else None
    texts = "\n\n".join(f"[{each.id}] {each.text}" for each in case.contexts or ())
    for name in CONTEXT_NAMES:
        if texts and name in prompt.variables and name not in values:
            values[name] = texts
    missing = [name for name, each in prompt.variables.items() if each.required and name not in values]
    if len(missing) == 1 and asked is not None:
        return {**values, missing[0]: asked}, None
    if missing:
        raise InvalidRequest(f"the case has no value for {', '.join(sorted(missing))}")
    return values, asked
