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
from ratchet.client.values import InvalidValue, identifier
from ratchet.prompt import Prompt

Route = Literal["executions", "feedback"]
Kind = Literal["thumb", "rating", "label", "score", "comment", "correction"]
Id = str | int | UUID
"""An id; a number or a UUID is sent as text."""
Outcome = Literal["ok", "error", "refused", "timeout"]


class Consent(TypedDict, total=False):
    """What the user consented to; absent means unknown, which never permits learning."""

    quality: bool | None
    learning: bool | None


class ExecutionFields(TypedDict, total=False):
    """The facts of one LLM call; all optional. `cost` in US dollars, `latency_ms` in milliseconds.

    `input` and `output`: a text, or messages and objects of the model's client. `usage`: a mapping or object with the
    provider's own names. `occurred_at` without a time zone is local time. A value that can't be converted is left out,
    logged and counted; the rest is sent.
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
    """The optional fields of feedback. `name` distinguishes several scores or labels."""

    id: Id
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


@dataclass(frozen=True, slots=True)
class UsedPrompt:
    """A prompt that an execution used, with its `document` where the server may not have it."""

    name: str
    digest: str
    document: Prompt | None = None


class UnencodedItem(NamedTuple):
    """A copy of an item, to be encoded in the background."""

    route: Route
    id: str
    copied: bytes
    """The body by `marshal`: six times as fast as JSON, of known size, and no other code can change it."""
    recorded_at: datetime
    documents: tuple[UsedPrompt, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the copy."""
        return len(self.copied)

    def encode(self) -> "RecordedItem":
        """Return the item with its JSON. Raises ValueError for what JSON can't represent."""
        body = marshal.loads(self.copied)  # noqa: S302  (made in this process)
        body.setdefault("occurred_at", self.recorded_at.isoformat())
        return RecordedItem(self.route, self.id, encode(body), self.documents, self.dropped)


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
    prompts: Iterable[object],
    fields: Mapping[str, Any],
    now: datetime,
) -> UnencodedItem:
    """Return an execution; invalid optional fields are left out. Raises ValueError for an invalid target."""
    body: dict[str, Any] = {"id": id, "target": identifier(target), "prompts": []}
    dropped = Dropped()
    add_execution_fields(body, fields, dropped)
    documents: tuple[UsedPrompt, ...] = ()
    for use in prompt_uses(prompts, dropped):
        if isinstance(use, UsedPrompt):
            body["prompts"].append({"name": use.name, "digest": use.digest})
            documents += (use,) if use.document else ()
        else:
            body["prompts"].append(use)
    return UnencodedItem("executions", id, _copied(body), now, documents, tuple(dropped))


def feedback(
    id: str,
    about: Mapping[str, object],
    kind: object,
    value: object,
    fields: Mapping[str, Any],
    now: datetime,
) -> UnencodedItem:
    """Return feedback about the execution or trace in `about`; invalid optional fields are left out.

    Raises ValueError for an invalid required field.
    """
    body: dict[str, Any] = {"id": id}
    for name, given in about.items():
        if (found := identifier(given)) is not None:
            body[name] = found
    dropped = Dropped()
    add_feedback_fields(body, kind, value, fields, dropped)
    return UnencodedItem("feedback", id, _copied(body), now, (), tuple(dropped))


def _copied(body: dict[str, Any]) -> bytes:
    try:
        return marshal.dumps(body)
    except ValueError:  # a subclass of a JSON type, as a prompt's name may be
        return marshal.dumps(json.loads(encode(body)))


def prompt_uses(prompts: Iterable[object], dropped: Dropped) -> list[UsedPrompt | dict[str, str]]:
    """Return the valid ones of `prompts`: uses, labels, or names. None is skipped."""
    uses: list[UsedPrompt | dict[str, str]] = []
    for index, prompt in enumerate(prompts):
        try:
            use = _use(prompt)
        except Exception:  # a value's own code may raise anything
            dropped.append(f"prompts[{index}]")
        else:
            if use is not None:
                uses.append(use)
    return uses


def _use(prompt: object) -> UsedPrompt | dict[str, str] | None:
    if prompt is None or isinstance(prompt, UsedPrompt):
        return prompt
    label = {"name": prompt} if isinstance(prompt, str) else prompt
    if type(label) is not dict and not isinstance(label, Mapping):
        raise InvalidValue("must be a served prompt or a label")
    found = {str(name): text for name, value in tuple(label.items()) if (text := identifier(value)) is not None}
    if "name" not in found:
        raise InvalidValue("must have a name")
    return found


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
