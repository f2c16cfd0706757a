"""What an adapter knows of a model provider's API."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol


class ModelRequest(NamedTuple):
    """A request to a model: its texts, by which its prompts are found, and the fields of its execution."""

    texts: list[str]
    fields: dict[str, Any]


class StreamEvents(Protocol):
    """The events of one streamed answer. `complete`: whether the model has finished."""

    complete: bool

    def add(self, event: Any) -> bool:
        """Add an event; return whether it has output, so that the first one can be timed."""

    def fields(self) -> dict[str, Any]:
        """Return the fields of the answer so far."""


class ModelApi(Protocol):
    """Reads requests and answers. `name` is that of a step without a target of its own."""

    name: str

    def read_request(self, body: Mapping[str, Any]) -> ModelRequest:
        """Return the texts and fields of a request."""

    def read_answer(self, answer: Any) -> dict[str, Any]:
        """Return the fields of an answer."""

    def new_stream(self) -> StreamEvents:
        """Return a collector of the events of one stream."""
