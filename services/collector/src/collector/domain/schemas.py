"""Request bodies of executions and feedback.

Types are strict: "5" is not a number. But an id may be an integer, which is read as text. A field is declared here
only; `ordinary_bodies.py` derives from these models what reads nearly all bodies.
"""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from collector.domain.chat_text import as_text
from collector.domain.token_usage import as_usage
from ratchet.prompt import PromptError, prompt_name
from shared.events.feedback import FeedbackKind, FeedbackSource, Outcome

TEXT_LIMIT = 20_000
"""Maximum characters of a comment or a correction."""


LINE = r"^[^\x00-\x1f\x7f]+$"
"""Pattern of a field of one line."""


def check_is_text(value: object) -> object:
    """Return a string. Raises ValueError, which pydantic reports."""
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value


def _word(limit: int) -> Any:
    """Return a field of one line with 1 to `limit` characters."""
    return Field(min_length=1, max_length=limit, pattern=LINE)


def id_text(value: object) -> object:
    """Return an integer as text, and anything else as it is."""
    return str(value) if type(value) is int else value


def input_or_output(value: object) -> object:
    """Return a string, or the text of messages or other JSON. Raises ValueError, which pydantic reports."""
    if isinstance(value, list | dict):
        return as_text(value)
    if not isinstance(value, str):
        raise ValueError("must be a string, messages, or another JSON array or object")
    return value


def check_prompt_name(name: str) -> str:
    """Return a valid prompt name. Raises ValueError, which pydantic reports."""
    try:
        return prompt_name(name)
    except PromptError as error:
        raise ValueError(error.reason) from None


Id = Annotated[str, BeforeValidator(id_text), _word(128)]
Person = Annotated[str, BeforeValidator(id_text), _word(256)]
Written = Annotated[str, BeforeValidator(input_or_output)]
Name = Annotated[str, _word(128)]
PromptName = Annotated[str, AfterValidator(check_prompt_name)]
Word = Annotated[str, _word(256)]
Plain = str | bool | int | float
Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(check_is_text)]
Uuid = Annotated[UUID, Field(strict=False), BeforeValidator(check_is_text)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Body(BaseModel):
    """A strict body without unknown fields, whose errors do not contain the input."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)


class ConsentBody(Body):
    """What the user consented to; absent means unknown."""

    quality: bool | None = None
    learning: bool | None = None


class PromptBody(Body):
    """A prompt in use: by `digest`, by the app's own `version`, or by its whole `document`."""

    name: PromptName
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    version: Id | None = None
    document: dict[str, Any] | None = None


class UsageBody(Body):
    """Token counts."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None


class Scoped(Body):
    """Common fields. Project and environment are those of the API key; a body may repeat them."""

    project: str | None = None
    environment: str | None = None
    occurred_at: Moment | None = None
    consent: ConsentBody | None = None


class ExecutionBody(Scoped):
    """An LLM call."""

    id: Id | None = None
    trace_id: Id | None = None
    parent_id: Id | None = None
    target: Name
    prompts: Annotated[list[PromptBody], Field(max_length=20)] = []
    model: Word | None = None
    parameters: Annotated[dict[Name, Plain | None], Field(max_length=64)] = {}
    input: Written | None = None
    output: Written | None = None
    contexts: Annotated[list[str], Field(max_length=100)] = []
    tools: Annotated[list[Name], Field(max_length=100)] = []
    arm: Name | None = None
    user: Person | None = None
    session: Person | None = None
    usage: Annotated[UsageBody, BeforeValidator(as_usage)] | None = None
    cost: Amount | None = None
    latency_ms: Amount | None = None
    outcome: Outcome | None = None
    scores: Annotated[dict[Name, float], Field(max_length=64)] = {}
    attributes: Annotated[dict[Name, Plain | None], Field(max_length=64)] = {}


class FeedbackBody(Scoped):
    """Feedback about an execution or a whole trace. The type of `value` depends on `kind`.

    `comment` is what the user wrote beside a thumb, a rating, a label or a score.
    """

    id: Uuid | None = None
    execution_id: Id | None = None
    trace_id: Id | None = None
    kind: FeedbackKind
    value: Any = None
    comment: str | None = None
    name: Name | None = None
    user: Person | None = None
    source: FeedbackSource = "explicit"
