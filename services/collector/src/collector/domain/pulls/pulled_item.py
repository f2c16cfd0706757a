"""An item that a pull reads: a body in the form of the HTTP routes, and the keys for deduplication. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal

from pydantic_core import to_json

from collector.domain.model import as_uuid, key_hash
from collector.domain.request_context import Route

Flag = Literal["low_reward", "negative_feedback"]
"""Why an item should be looked at first: a reward below 0.5, or feedback that says the answer was bad."""
_MAX_ID = 128
"""Maximum characters of an execution's id and trace id."""


@dataclass(frozen=True, slots=True)
class PulledItem:
    """An execution or a feedback. `at` is its time at the source; `raw` is what the source said, for the raw copy.

    `needs_execution`: feedback that is left out while its execution is not stored; other feedback waits for it, like
    posted feedback. `unreadable`: why the source's item can't be read: it is counted, and `body` has only an id.
    """

    route: Route
    body: dict[str, Any]
    at: datetime
    raw: Mapping[str, Any]
    flags: tuple[Flag, ...] = ()
    needs_execution: bool = False
    unreadable: str | None = None
    key: bytes = field(init=False)
    content: bytes = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        encoded = to_json(self.body)
        object.__setattr__(self, "key", key_hash(self.route, str(self.body["id"])))
        object.__setattr__(self, "content", blake2b(encoded, digest_size=16).digest())
        object.__setattr__(self, "size", len(encoded))


def execution_id(source: str, name: str) -> str:
    """Return the id of the execution for `name` of a source: `<source>-<name>`, or `<source>:<hash>` of a long name."""
    plain = f"{source}-{name}"
    return plain if len(plain) <= _MAX_ID else f"{source}:{key_hash(name).hex()}"


def trace_id(name: str) -> str:
    """Return a trace id of the source, hashed if it is too long for a field."""
    return name if len(name) <= _MAX_ID else key_hash(name).hex()


def feedback_id(source: str, name: str, content: object) -> str:
    """Return the UUID of a feedback: the same for each repeat, another one if its content has changed."""
    return as_uuid(key_hash(source, name, to_json(content).decode()))
