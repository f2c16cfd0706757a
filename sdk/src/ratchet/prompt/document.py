"""Value types of a prompt document, created by `parser.parse` only."""

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
    """A turn; `content` may contain `{{variable}}`."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class SlotPlace:
    """The position at which a slot's examples are rendered, as user and assistant turns."""

    slot: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """The position at which the messages of the variable `name` are rendered, such as a conversation's history."""

    name: str


@dataclass(frozen=True, slots=True)
class StructuredMessage:
    """A turn that is more than text: `content` is null or a list of parts, or `extras` contain tool calls and the like.

    The texts of `content` may contain `{{variable}}`; `extras` are sent as they are.
    """

    role: Role
    content: Json
    extras: Mapping[str, Json]

    def __hash__(self) -> int:
        return hash(self.role)


Entry = Message | SlotPlace | Placeholder | StructuredMessage
"""A message of a document."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a prompt. An optional one without a value renders as the empty string."""

    type: VariableType
    required: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot for at most `max` examples; `set` is the digest of its example set, None while empty."""

    max: int
    set: str | None


@dataclass(frozen=True, eq=False)
class Prompt:
    """A validated document. Prompts are equal if their digests are."""

    messages: tuple[Entry, ...]
    variables: Mapping[str, Variable]
    model: str | None
    slots: Mapping[str, Slot]
    _canonical: bytes = field(repr=False)

    def canonical(self) -> bytes:
        """Return RFC 8785 JSON with the schema's version, nulls and defaults."""
        return self._canonical

    @cached_property
    def digest(self) -> str:
        """Return the digest of the content: `sha256:<hex>` of `canonical()`."""
        return digest_of(self._canonical)

    def to_dict(self) -> dict[str, Json]:
        """Return the canonical document as a new JSON object."""
        return {key: normal(value, key) for key, value in json.loads(self._canonical).items()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Prompt) and self._canonical == other._canonical

    def __hash__(self) -> int:
        return hash(self._canonical)
