"""The prompt document's values. `parsing.parse` makes them; nothing else should."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from ratchet.prompt.canonical import Json, digest_of, normal

Role = Literal["system", "user", "assistant", "developer", "tool"]
VariableType = Literal["string", "number", "boolean", "list", "messages"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn; `content` may hold `{{variable}}`."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class SlotPlace:
    """Where a slot's examples are rendered, as user and assistant turns."""

    slot: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Where the messages of the variable `name` are rendered, such as a conversation's history."""

    name: str


@dataclass(frozen=True, slots=True)
class StructuredMessage:
    """A turn that is more than a text: `content` is null or a list of parts, or `extras` hold tool calls and the like.

    The texts of `content` may hold `{{variable}}`; `extras` are sent as they are.
    """

    role: Role
    content: Json
    extras: Mapping[str, Json]

    def __hash__(self) -> int:
        return hash(self.role)


Entry = Message | SlotPlace | Placeholder | StructuredMessage
"""One of a document's messages."""


@dataclass(frozen=True, slots=True)
class Variable:
    """What a `{{name}}` takes. One that isn't required and isn't given renders as nothing."""

    type: VariableType
    required: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for at most `max` examples; `set` is the digest of the example set in it, None while empty."""

    max: int
    set: str | None


@dataclass(frozen=True, eq=False)
class Prompt:
    """A checked document. Two are equal when their digests are."""

    messages: tuple[Entry, ...]
    variables: Mapping[str, Variable]
    model: str | None
    slots: Mapping[str, Slot]
    _canonical: bytes = field(repr=False)

    def canonical(self) -> bytes:
        """RFC 8785 JSON with the schema's version and all nulls and defaults inside."""
        return self._canonical

    @cached_property
    def digest(self) -> str:
        """The identity of the content: `sha256:<hex>` of `canonical()`."""
        return digest_of(self._canonical)

    def to_dict(self) -> dict[str, Json]:
        """The canonical document as a fresh JSON object, free to change."""
        return {key: normal(value, key) for key, value in json.loads(self._canonical).items()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Prompt) and self._canonical == other._canonical

    def __hash__(self) -> int:
        return hash(self._canonical)
