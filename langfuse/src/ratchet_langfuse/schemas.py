"""Models of the responses of both API versions, with only the fields that are used; see `api_versions`."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

ScoreValue = bool | float | str
W = TypeVar("W", bound=BaseModel)
_SIDES = ("input", "output")


class InvalidJson(ValueError):
    """A response is not JSON, for example truncated; a retry may succeed."""


class UnexpectedResponse(ValueError):
    """A response is JSON of an unknown shape; the message names the field."""


class Wire(BaseModel):
    """Base model; JSON fields are in camel case."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Health(Wire):
    version: str


class RootTrace(Wire):
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
    output: Any = None
    session_id: str | None = None
    version: str | None = None
    tags: list[str] | None = None

    @property
    def at(self) -> float:
        return unix(self.started)

    @property
    def seconds(self) -> float | None:
        """The latency in seconds, if known."""
        return _seconds(self.latency, self.started, self.end_time)


class Generation(Wire):
    """A call of a model, with its prompt version."""

    id: str
    trace_id: str | None
    start_time: datetime
    level: str | None = None
    environment: str | None = None
    model: str | None = Field(None, validation_alias=AliasChoices("providedModelName", "model"))
    prompt_name: str | None = None
    prompt_version: int | None = None
    total_cost: float | None = Field(None, validation_alias=AliasChoices("totalCost", "calculatedTotalCost"))
    usage_details: dict[str, int] | None = None
    usage: dict[str, Any] | None = None

    @property
    def tokens(self) -> dict[str, int]:
        """The tokens as `input_tokens` and `output_tokens`, with those of all their kinds, such as cached ones."""
        counts = self.usage_details or {
            name: count for name, count in (self.usage or {}).items() if name in _SIDES and isinstance(count, int)
        }
        found = {
            f"{side}_tokens": sum(count for name, count in counts.items() if name.startswith(side)) for side in _SIDES
        }
        return {name: count for name, count in found.items() if count > 0}

    @property
    def at(self) -> float:
        return unix(self.start_time)


class ToolObservation(Wire):
    """A call of a tool. `input` and `output` are None where the request did not ask for them."""

    id: str
    trace_id: str | None
    start_time: datetime
    end_time: datetime | None = None
    name: str | None = None
    level: str | None = None
    status_message: str | None = None
    latency: float | None = None
    input: Any = None
    output: Any = None

    @property
    def at(self) -> float:
        return unix(self.start_time)

    @property
    def seconds(self) -> float | None:
        """The latency in seconds, if known."""
        return _seconds(self.latency, self.start_time, self.end_time)


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
    value: ScoreValue | None = None
    string_value: str | None = None
    subject: Subject | None = None
    trace_id: str | None = None
    observation_id: str | None = None
    comment: str | None = None
    author_user_id: str | None = None

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
    def content(self) -> ScoreValue | None:
        """The number, boolean or word; None for texts and corrections."""
        match self.data_type:
            case "CATEGORICAL":
                return self.string_value if self.string_value is not None else self.value
            case "BOOLEAN":
                return bool(self.value) if self.value is not None else None
            case "NUMERIC":
                return self.value
        return None

    @property
    def text(self) -> str | None:
        """The words of a text or a correction; None for a value."""
        if self.data_type not in ("TEXT", "CORRECTION"):
            return None
        return self.string_value if self.string_value is not None else str(self.value or "") or None


class ScoreConfig(Wire):
    """The configured range of a score."""

    name: str
    min_value: float | None = None
    max_value: float | None = None


class PromptVersion(Wire):
    """One version of a prompt: a text, or messages and placeholders of a chat."""

    prompt: str | list[dict[str, Any]]
    config: Any = None


class PageMeta(Wire):
    """Position of the next page: cursor or page number."""

    cursor: str | None = None
    page: int | None = None
    total_pages: int | None = None


class Listing(Wire, Generic[W]):
    data: list[W]
    meta: PageMeta


def _seconds(latency: float | None, start: datetime, end: datetime | None) -> float | None:
    """Return a latency in seconds, if known; -1 of the server means unknown."""
    if latency is not None:
        return latency if latency >= 0.0 else None
    return unix(end) - unix(start) if end else None


def parse_response(shape: type[W], body: bytes) -> W:
    """Parse a response. Raises InvalidJson or UnexpectedResponse."""
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        if error.errors()[0]["type"] != "json_invalid":
            raise UnexpectedResponse(_describe(error)) from None
    try:  # JavaScript may truncate texts inside a surrogate pair
        return shape.model_validate_json(_ESCAPE.sub(_replace_surrogate, body))
    except ValidationError as error:
        reason = error.errors()[0]
        raise (InvalidJson if reason["type"] == "json_invalid" else UnexpectedResponse)(_describe(error)) from None


def unix(moment: datetime) -> float:
    """Return a Unix time; times without an offset are UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def iso(moment: datetime) -> str:
    """Format a time for the API."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _describe(error: ValidationError) -> str:
    first: Mapping[str, Any] = error.errors(include_input=False, include_url=False)[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), str(first["msg"]))))


_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def _replace_surrogate(found: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if found[1] else found[0]
