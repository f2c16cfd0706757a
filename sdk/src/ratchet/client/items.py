"""What an app records, as the bodies that the server takes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypedDict
from uuid import UUID

from ratchet.prompt import Prompt

Route = Literal["executions", "feedback"]
Kind = Literal["thumb", "rating", "label", "score", "comment", "correction"]
Outcome = Literal["ok", "error", "refused", "timeout"]


class Consent(TypedDict, total=False):
    """What the user agreed to; absent is unknown, which never counts for learning."""

    quality: bool | None
    learning: bool | None


class ExecutionFields(TypedDict, total=False):
    """The facts of one LLM call; all optional. `cost` in US dollars, `latency_ms` in milliseconds."""

    id: str | UUID
    trace_id: str | UUID | None
    parent_id: str | UUID | None
    model: str | None
    parameters: Mapping[str, object] | None
    input: str | None
    output: str | None
    contexts: Sequence[str]
    tools: Sequence[str]
    arm: str | None
    user: str | UUID | None
    session: str | UUID | None
    usage: Mapping[str, int | None]
    cost: float | None
    latency_ms: float | None
    outcome: Outcome | None
    scores: Mapping[str, float]
    attributes: Mapping[str, object] | None
    consent: Consent | None
    occurred_at: datetime


class FeedbackFields(TypedDict, total=False):
    """The optional parts of a feedback. `name` tells scores and labels of several kinds apart."""

    id: str | UUID
    name: str | None
    user: str | UUID | None
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
class Item:
    """One accepted thing to send: its JSON, and the documents that its prompts may have to explain."""

    route: Route
    id: str
    encoded: bytes
    documents: tuple[PromptUse, ...] = ()


def execution(
    id: str,
    target: str,
    prompts: Iterable[PromptUse | PromptLabel],
    fields: ExecutionFields,
    now: datetime,
) -> Item:
    """Raises ValueError for what JSON can't carry."""
    uses = list(prompts)
    named = [{"name": use.name, "digest": use.digest} if isinstance(use, PromptUse) else dict(use) for use in uses]
    body: dict[str, Any] = {**fields, "id": id, "target": target, "prompts": named}
    for part in ("parameters", "attributes"):
        if body.get(part) is not None:
            body[part] = {name: _plain(value) for name, value in dict(body[part]).items()}
    documents = tuple(use for use in uses if isinstance(use, PromptUse) and use.document)
    return Item("executions", id, encode(_timed(body, now)), documents)


def feedback(
    id: str,
    about: Mapping[str, str | UUID | None],
    kind: Kind,
    value: object,
    fields: FeedbackFields,
    now: datetime,
) -> Item:
    """`about` names the execution or the trace. Raises ValueError for what JSON can't carry."""
    body = {**fields, **about, "id": id, "kind": kind, "value": value}
    return Item("feedback", id, encode(_timed(body, now)))


def with_documents(item: Item, digests: frozenset[str]) -> bytes:
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


def _timed(body: Mapping[str, object], now: datetime) -> dict[str, object]:
    occurred_at = body.get("occurred_at") or now
    if not isinstance(occurred_at, datetime) or occurred_at.tzinfo is None:
        raise ValueError("occurred_at must be a datetime with a time zone")
    said = {name: value for name, value in body.items() if value is not None}
    return {**said, "occurred_at": occurred_at.isoformat()}


def _plain(value: object) -> object:
    """Parameters and attributes are plain values on the wire: what is nested travels as JSON text."""
    if isinstance(value, UUID):
        return str(value)
    return value if value is None or isinstance(value, str | bool | int | float) else encode(value).decode()


def _text(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
