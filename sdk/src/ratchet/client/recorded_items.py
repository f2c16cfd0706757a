"""Items of an app, encoded as the server's JSON bodies."""

import json
import marshal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypedDict
from uuid import UUID

from ratchet.client.bodies import Dropped, add_execution_fields, add_feedback_fields
from ratchet.client.field_values import Confidentiality, Outcome, copy_of_built_ins
from ratchet.client.used_prompts import UsedPrompt, label_of, prompt_uses
from ratchet.client.values import identifier

Route = Literal["executions", "feedback"]
Kind = Literal[
    "thumb", "rating", "label", "score", "comment", "correction", "preference",
    "click", "copy", "dwell", "requery", "regenerate", "abandon", "continue",
]  # fmt: skip
"""What a person said; from `click` on, what a user did, which is implicit feedback."""
Id = str | int | UUID
"""An id; a number or a UUID is sent as text."""


class Consent(TypedDict, total=False):
    """What the user consented to; absent means unknown, which never permits learning."""

    quality: bool | None
    learning: bool | None


class ExecutionFields(TypedDict, total=False):
    """The facts of one LLM call; all optional. `cost` in US dollars or `currency` (ISO 4217), times in milliseconds.

    `input` and `output`: a text, or messages and objects of the model's client. `usage`: a mapping or object with the
    provider's own names. `contexts`: texts, or documents with `id`, `text` and `score`. `tools`: names of the tools
    called, or calls with `name`, `arguments`, `result`, `outcome` and `latency_ms`. `region` is the one whose rules the
    texts are under, such as `eu`; `confidentiality` how confidential they are. `occurred_at` without a time zone
    is local time. A value that can't be converted is left out, logged and counted; the rest is sent.
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
    currency: str | None
    latency_ms: float | timedelta | None
    time_to_first_token_ms: float | timedelta | None
    outcome: Outcome | None
    scores: Mapping[str, float | None]
    attributes: Mapping[str, object] | None
    consent: Consent | None
    region: str | None
    confidentiality: Confidentiality | None
    occurred_at: datetime


class FeedbackFields(TypedDict, total=False):
    """The optional fields of feedback. `name` distinguishes several scores or labels.

    `comment` is what the user wrote with a thumb, a rating, a label, a score or a preference. `source` defaults to
    that of the kind.
    """

    id: Id
    comment: str | None
    name: str | None
    user: Id | None
    source: Literal["explicit", "implicit"]
    consent: Consent | None
    occurred_at: datetime


class PromptLabel(TypedDict, total=False):
    """A prompt that Ratchet did not serve, by its digest or only by the app's own `version`."""

    name: str
    digest: str
    version: str


class UnencodedItem(NamedTuple):
    """A copy of an item, to be encoded in the background."""

    route: Route
    id: str
    copied: bytes
    """By `marshal`: six times as fast as JSON, of known size, and no other code can change it."""
    recorded_at: datetime
    documents: tuple[UsedPrompt, ...] = ()
    dropped: tuple[str, ...] = ()
    converted: bool = True
    """Whether `copied` is the body; otherwise it is the app's values, of built-in types, which `encode` converts."""

    @property
    def size(self) -> int:
        """Bytes of the copy."""
        return len(self.copied)

    def encode(self) -> "RecordedItem":
        """Return the item with its JSON. Raises ValueError for what JSON can't represent."""
        values = marshal.loads(self.copied)  # noqa: S302  (made in this process)
        if self.converted:
            body, dropped = values, self.dropped
        elif self.route == "executions":
            body, _, dropped = _execution_body(self.id, *values)
        else:
            body, dropped = _feedback_body(self.id, *values)
        body.setdefault("occurred_at", self.recorded_at.isoformat())
        return RecordedItem(self.route, self.id, encode(body), self.documents, dropped)


@dataclass(frozen=True, slots=True)
class RecordedItem:
    """An item to send: its JSON, and the documents of its prompts that the server may need."""

    route: Route
    id: str
    encoded: bytes
    documents: tuple[UsedPrompt, ...] = ()
    dropped: tuple[str, ...] = ()
    """The fields that were left out because their values can't be converted."""

    @property
    def size(self) -> int:
        """Bytes of its JSON."""
        return len(self.encoded)


def execution(
    id: str,
    target: object,
    prompts: Sequence[object],
    fields: Mapping[str, Any],
    now: datetime,
) -> UnencodedItem:
    """Return an execution; invalid optional fields are left out.

    Raises ValueError for an invalid target, here or when it is encoded.
    """
    labels = [label_of(use) if type(use) is UsedPrompt else use for use in prompts]
    if (copied := copy_of_built_ins((target, labels, fields))) is not None:
        documents = tuple(use for use in prompts if type(use) is UsedPrompt and use.document)
        return UnencodedItem("executions", id, copied, now, documents, (), False)
    body, documents, dropped = _execution_body(id, target, prompts, fields)
    return UnencodedItem("executions", id, _copied(body), now, documents, dropped)


def feedback(
    id: str,
    about: Mapping[str, object],
    kind: object,
    value: object,
    fields: Mapping[str, Any],
    now: datetime,
) -> UnencodedItem:
    """Return feedback about the execution, trace or session in `about`; invalid optional fields are left out.

    Raises ValueError for an invalid required field, here or when it is encoded.
    """
    if (copied := copy_of_built_ins((about, kind, value, fields))) is not None:
        return UnencodedItem("feedback", id, copied, now, (), (), False)
    body, dropped = _feedback_body(id, about, kind, value, fields)
    return UnencodedItem("feedback", id, _copied(body), now, (), dropped)


def _execution_body(
    id: str, target: object, prompts: Iterable[object], fields: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[UsedPrompt, ...], tuple[str, ...]]:
    """Return the body, the documents of its prompts, and the names of the fields that were left out."""
    body: dict[str, Any] = {"id": id, "target": identifier(target), "prompts": []}
    dropped = Dropped()
    add_execution_fields(body, fields, dropped)
    documents: tuple[UsedPrompt, ...] = ()
    for use in prompt_uses(prompts, dropped):
        if isinstance(use, UsedPrompt):
            body["prompts"].append(label_of(use))
            documents += (use,) if use.document else ()
        else:
            body["prompts"].append(use)
    return body, documents, tuple(dropped)


def _feedback_body(
    id: str, about: Mapping[str, object], kind: object, value: object, fields: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the body, and the names of the fields that were left out. Raises ValueError."""
    body: dict[str, Any] = {"id": id}
    for name, given in about.items():
        if (found := identifier(given)) is not None:
            body[name] = found
    dropped = Dropped()
    add_feedback_fields(body, kind, value, fields, dropped)
    return body, tuple(dropped)


def _copied(body: dict[str, Any]) -> bytes:
    try:
        return marshal.dumps(body)
    except ValueError:  # a subclass of a JSON type, as a prompt's name may be
        return marshal.dumps(json.loads(encode(body)))


def with_documents(item: RecordedItem, digests: frozenset[str]) -> bytes:
    """Return the item's JSON with the documents of these digests."""
    try:
        body = json.loads(item.encoded)
    except RecursionError:  # JSON that could be written may be nested too deeply to be read
        return item.encoded
    for use in item.documents:
        if use.digest in digests and use.document:
            for prompt in body["prompts"]:
                if prompt.get("digest") == use.digest:
                    prompt["document"] = use.document.to_dict()
    return encode(body)


def encode(body: object) -> bytes:
    """Return compact JSON, UUIDs as text. Raises ValueError for NaN, lone surrogates, cycles and other types."""
    try:
        return _ENCODER.encode(body).encode()
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def _text(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=_text)
