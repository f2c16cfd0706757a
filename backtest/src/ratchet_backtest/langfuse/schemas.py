"""What a Langfuse server sends, of both its APIs, and what of it counts here. Fields that don't count are not read.

The API's own description has more shapes; `dialects` says which path answers with which.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

Value = bool | float | str
W = TypeVar("W", bound=BaseModel)


class InvalidJson(ValueError):
    """An answer is not JSON: it was cut, or something else than the server answered. Worth another try."""


class UnexpectedResponse(ValueError):
    """An answer is JSON of another shape than is known; the message names the place."""


class Wire(BaseModel):
    """Fields are in camel case there."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Health(Wire):
    version: str


class Root(Wire):
    """A trace: its root observation, or on a server of version 3 the trace itself. Times are in UTC, latency in s."""

    trace_id: str | None = Field(validation_alias=AliasChoices("traceId", "id"))
    started: datetime = Field(validation_alias=AliasChoices("startTime", "timestamp"))
    end_time: datetime | None = None
    name: str | None = Field(None, validation_alias=AliasChoices("traceName", "name"))
    environment: str | None = None
    release: str | None = None
    user_id: str | None = None
    level: str | None = None
    latency: float | None = None
    input: Any = None

    @property
    def at(self) -> float:
        return unix(self.started)

    @property
    def seconds(self) -> float | None:
        """How long it took, if that is known: servers that were not asked for it say -1."""
        if self.latency is not None:
            return self.latency if self.latency >= 0.0 else None
        return unix(self.end_time) - self.at if self.end_time else None


class Generation(Wire):
    """A call of a model, with the prompt it was made with."""

    id: str
    trace_id: str | None
    start_time: datetime
    level: str | None = None
    environment: str | None = None
    model: str | None = Field(None, validation_alias=AliasChoices("providedModelName", "model"))
    prompt_name: str | None = None
    prompt_version: int | None = None
    total_cost: float | None = Field(None, validation_alias=AliasChoices("totalCost", "calculatedTotalCost"))

    @property
    def at(self) -> float:
        return unix(self.start_time)


class Subject(Wire):
    kind: str
    id: str
    trace_id: str | None = None


class Score(Wire):
    """A score of either API. `subject` is the newer one's; `trace_id`, `observation_id`, `string_value` the older's."""

    id: str
    name: str
    source: str
    data_type: str
    timestamp: datetime
    value: Value | None = None
    string_value: str | None = None
    subject: Subject | None = None
    trace_id: str | None = None
    observation_id: str | None = None

    @property
    def at(self) -> float:
        return unix(self.timestamp)

    @property
    def trace(self) -> str | None:
        if self.subject is None:
            return self.trace_id
        return self.subject.id if self.subject.kind == "trace" else self.subject.trace_id

    @property
    def observation(self) -> str | None:
        if self.subject is None:
            return self.observation_id
        return self.subject.id if self.subject.kind == "observation" else None

    @property
    def said(self) -> Value | None:
        """A number, yes or no, or a word; None for texts and corrections, which measure nothing."""
        match self.data_type:
            case "CATEGORICAL":
                return self.string_value if self.string_value is not None else self.value
            case "BOOLEAN":
                return bool(self.value) if self.value is not None else None
            case "NUMERIC":
                return self.value
        return None


class Config(Wire):
    """What a score of that name may be."""

    name: str
    min_value: float | None = None
    max_value: float | None = None


class PromptVersion(Wire):
    """One version of a prompt: a text, or a chat's messages and placeholders."""

    prompt: str | list[dict[str, Any]]
    config: Any = None


class Meta(Wire):
    """Where a listing goes on: by cursor, or by the page's number."""

    cursor: str | None = None
    page: int | None = None
    total_pages: int | None = None


class Listing(Wire, Generic[W]):
    data: list[W]
    meta: Meta


def read(shape: type[W], body: bytes) -> W:
    """An answer's body as that shape. Raises Broken or Strange."""
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        if error.errors()[0]["type"] != "json_invalid":
            raise UnexpectedResponse(_place(error)) from None
    try:  # JavaScript cuts a text in the middle of a character, and sends the half of it
        return shape.model_validate_json(_ESCAPE.sub(_whole, body))
    except ValidationError as error:
        reason = error.errors()[0]
        raise (InvalidJson if reason["type"] == "json_invalid" else UnexpectedResponse)(_place(error)) from None


def unix(moment: datetime) -> float:
    """Unix time; without an offset it is UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def iso(moment: datetime) -> str:
    """How the API takes times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _place(error: ValidationError) -> str:
    first: Mapping[str, Any] = error.errors(include_input=False, include_url=False)[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), str(first["msg"]))))


_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def _whole(found: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if found[1] else found[0]
