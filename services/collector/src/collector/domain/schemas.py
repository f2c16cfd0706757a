"""Request bodies of executions and feedback.

Types are strict: "5" is not a number. But an id may be an integer, which is read as text. A field is declared here
only; `body_parser.py` derives from these models what reads nearly all bodies.
"""

from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
)

from collector.domain.chat_text import as_text
from collector.domain.feedback_schema import feedback_rules
from collector.domain.token_usage import as_usage
from ratchet.prompt import PromptError, prompt_name
from shared.events.feedback import Confidentiality, FeedbackKind, FeedbackSource, Outcome

MAX_INTEGER = 2**63 - 1
"""Largest integer of I-JSON as it is read here; the smallest is one less than its negative."""

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]

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


def _id(limit: int) -> Any:
    """Return the type of an id: a field of one line, or an integer."""
    word, number = Annotated[str, _word(limit)], Annotated[int, Field(ge=-MAX_INTEGER - 1, le=MAX_INTEGER)]
    return BeforeValidator(id_text, json_schema_input_type=word | number)


Id = Annotated[str, _id(128), _word(128)]
Person = Annotated[str, _id(256), _word(256)]
Written = Annotated[str, BeforeValidator(input_or_output, json_schema_input_type=str | list[Any] | dict[str, Any])]
Name = Annotated[str, _word(128)]
PromptName = Annotated[
    str,
    AfterValidator(check_prompt_name),
    WithJsonSchema(
        {
            "type": "string",
            "format": "prompt-name",
            "minLength": 1,
            "maxLength": 128,
            "pattern": r"^[^\x00-\x1f\x7f,]+$",
            "description": "It may have slashes, but no empty part, `.` or `..` between them; no invisible character, "
            "and no whitespace but U+0020, except at either end",
        }
    ),
]
Word = Annotated[str, _word(256)]
Region = Annotated[str, _word(64)]
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
    document: Annotated[dict[str, Any], Field(description="`ratchet.prompt/1` or `/2`")] | None = None


class UsageBody(Body):
    """Tokens by kind. Those of the input include cached ones, those of the output include reasoning."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cached_input_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    total_tokens: Count | None = None


class ContextBody(Body):
    """A retrieved document: its text, its id, or both, and the score that the retrieval gave it."""

    id: Id | None = None
    text: str | None = None
    score: Annotated[float, Field(allow_inf_nan=False)] | None = None


class ToolCallBody(Body):
    """A call of a tool. `arguments` and `result` are text or any JSON."""

    name: Name
    arguments: Any = None
    result: Any = None
    outcome: Outcome | None = None
    latency_ms: Amount | None = None


_TEXT, _OBJECT = Tag("[text]"), Tag("[object]")
_TEXT_OR_OBJECT = Discriminator(
    lambda value: _TEXT.tag if isinstance(value, str) else _OBJECT.tag if isinstance(value, dict) else None,
    custom_error_type="text_or_object",
    custom_error_message="must be a string or an object",
)
Context = Annotated[Annotated[str, _TEXT] | Annotated[ContextBody, _OBJECT], _TEXT_OR_OBJECT]
"""A retrieved document, or only its text."""
Tool = Annotated[Annotated[Name, _TEXT] | Annotated[ToolCallBody, _OBJECT], _TEXT_OR_OBJECT]
"""A call of a tool, or only the tool's name."""


class Scoped(Body):
    """Common fields. Project and environment are those of the API key; a body may repeat them."""

    project: str | None = None
    environment: str | None = None
    occurred_at: Moment | None = None
    consent: ConsentBody | None = None


class ExecutionBody(Scoped):
    """An LLM call. `cost` is in `currency` (ISO 4217), in US dollars if there is none.

    `region` is the one whose rules the texts are under, such as `eu`, and `confidentiality` how confidential they are;
    absent means unknown.
    """

    id: Id | None = None
    trace_id: Id | None = None
    parent_id: Id | None = None
    target: Name
    prompts: Annotated[list[PromptBody], Field(max_length=20)] = []
    model: Word | None = None
    parameters: Annotated[dict[Name, Plain | None], Field(max_length=64)] = {}
    input: Written | None = None
    output: Written | None = None
    contexts: Annotated[list[Context], Field(max_length=100)] = []
    tools: Annotated[list[Tool], Field(max_length=100)] = []
    arm: Name | None = None
    user: Person | None = None
    session: Person | None = None
    usage: Annotated[UsageBody, BeforeValidator(as_usage)] | None = None
    cost: Amount | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    latency_ms: Amount | None = None
    time_to_first_token_ms: Amount | None = None
    outcome: Outcome | None = None
    region: Region | None = None
    confidentiality: Confidentiality | None = None
    scores: Annotated[dict[Name, float], Field(max_length=64)] = {}
    attributes: Annotated[dict[Name, Plain | None], Field(max_length=64)] = {}


class FeedbackBody(Scoped):
    """Feedback about an execution, a trace or a session: the first of them that is given.

    The type of `value` depends on `kind`.

    `comment` is what the user wrote beside a thumb, a rating, a label, a score or a preference. `source` defaults to
    that of the kind: what a user did (`click` to `continue`) is implicit, what a user said is explicit. The source
    `judge` is for a score from 0 to 1 by a judge, whose digest is `evaluator`.
    """

    model_config = ConfigDict(json_schema_extra=feedback_rules())

    id: Uuid | None = None
    execution_id: Id | None = None
    trace_id: Id | None = None
    session: Person | None = None
    kind: FeedbackKind
    value: Any = None
    comment: str | None = None
    name: Name | None = None
    user: Person | None = None
    source: FeedbackSource | None = None
    evaluator: Digest | None = None
