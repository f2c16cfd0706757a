"""What an app records, as the bodies that the server takes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, TypedDict
from uuid import UUID

from ratchet.client.bodies import Dropped, execution_body, feedback_body
from ratchet.client.values import Odd, identifier
from ratchet.prompt import Prompt

Route = Literal["executions", "feedback"]
Kind = Literal["thumb", "rating", "label", "score", "comment", "correction"]
Id = str | int | UUID
"""An id: a number or a UUID stands for its text."""
Outcome = Literal["ok", "error", "refused", "timeout"]


class Consent(TypedDict, total=False):
    """What the user agreed to; absent is unknown, which never counts for learning."""

    quality: bool | None
    learning: bool | None


class ExecutionFields(TypedDict, total=False):
    """The facts of one LLM call; all optional. `cost` in US dollars, `latency_ms` in milliseconds.

    `input` and `output`: a text, or messages and objects as the model's client has them. `usage`: a mapping or object
    with the provider's own names. `occurred_at` without a zone is local time. A value that nothing can be made of is
    left out, logged and counted; the rest is sent.
    """

    id: Id
    trace_id: Id | None
    parent_id: Id | None
    model: str | None
    parameters: Mapping[str, object] | None
    input: object
    output: object
    contexts: Sequence[object]
    tools: Sequence[object]
    arm: str | None
    user: Id | None
    session: Id | None
    usage: object
    cost: float | Decimal | None
    latency_ms: float | timedelta | None
    outcome: Outcome | None
    scores: Mapping[str, float | None]
    attributes: Mapping[str, object] | None
    consent: Consent | None
    occurred_at: datetime


class FeedbackFields(TypedDict, total=False):
    """The optional parts of a feedback. `name` tells scores and labels of several kinds apart."""

    id: Id
    name: str | None
    user: Id | None
    source: Literal["explicit", "implicit"]
    consent: Consent | None
    occurred_at: datetime


class PromptLabel(TypedDict, total=False):
    """A prompt that Ratchet did not serve: by its digest, or only by the app's own `version`."""

    name: str
    digest: str
    version: str


@dataclass(frozen=True, slots=True)
class PromptUse:
    """A prompt that an execution used; `document` while the server may not know its content."""

    name: str
    digest: str
    document: Prompt | None = None


@dataclass(frozen=True, slots=True)
class RecordedItem:
    """One accepted thing to send: its JSON, and the documents that its prompts may have to explain."""

    route: Route
    id: str
    encoded: bytes
    documents: tuple[PromptUse, ...] = ()
    dropped: tuple[str, ...] = ()
    """The fields that were left out, since nothing could be made of their values."""


def execution(
    id: str,
    target: object,
    prompts: Iterable[object],
    fields: Mapping[str, Any],
    now: datetime,
) -> RecordedItem:
    """An odd optional field is left out. Raises ValueError for a target or a size that JSON can't carry."""
    body, dropped = execution_body(fields, now)
    uses = prompt_uses(prompts, dropped)
    named = [{"name": use.name, "digest": use.digest} if isinstance(use, PromptUse) else use for use in uses]
    documents = tuple(use for use in uses if isinstance(use, PromptUse) and use.document)
    whole = {"id": id, "target": identifier(target), "prompts": named, **body}
    return RecordedItem("executions", id, encode(whole), documents, tuple(dropped))


def feedback(
    id: str,
    about: Mapping[str, object],
    kind: object,
    value: object,
    fields: Mapping[str, Any],
    now: datetime,
) -> RecordedItem:
    """`about` names the execution or the trace. An odd optional field is left out. Raises ValueError for others."""
    body, dropped = feedback_body(kind, value, fields, now)
    named = {name: found for name, given in about.items() if (found := identifier(given)) is not None}
    return RecordedItem("feedback", id, encode({"id": id, **named, **body}), dropped=tuple(dropped))


def prompt_uses(prompts: Iterable[object], dropped: Dropped) -> list[PromptUse | dict[str, str]]:
    """What of `prompts` names one: a use, a label, or a name alone. None is as absent."""
    found = [dropped.read(f"prompts[{index}]", _use, prompt) for index, prompt in enumerate(prompts)]
    return [use for use in found if use is not None]


def _use(prompt: object) -> PromptUse | dict[str, str] | None:
    if prompt is None or isinstance(prompt, PromptUse):
        return prompt
    label = {"name": prompt} if isinstance(prompt, str) else prompt
    if not isinstance(label, Mapping):
        raise Odd("must be a served prompt or a label")
    found = {str(name): text for name, value in label.items() if (text := identifier(value)) is not None}
    if "name" not in found:
        raise Odd("must have a name")
    return found


def with_documents(item: RecordedItem, digests: frozenset[str]) -> bytes:
    """The item's JSON with the documents of these digests put in."""
    try:
        body = json.loads(item.encoded)
    except RecursionError:  # what could just be written can be too deep to be read
        return item.encoded
    for use in item.documents:
        if use.digest in digests and use.document:
            for prompt in body["prompts"]:
                if prompt.get("digest") == use.digest:
                    prompt["document"] = use.document.to_dict()
    return encode(body)


def encode(body: object) -> bytes:
    """Compact JSON; a UUID is its text. Raises ValueError for NaN, infinities, lone surrogates, cycles and other
    foreign types."""
    try:
        return json.dumps(body, allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=_text).encode()
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def _text(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
