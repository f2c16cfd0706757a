"""Events about executions and the feedback on them."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.events.base import AwareDatetime, Event, Fact, PromptEvent, TargetEvent

FeedbackKind = Literal[
    "thumb", "rating", "label", "score", "comment", "correction", "preference",
    "click", "copy", "dwell", "requery", "regenerate", "abandon", "continue",
]  # fmt: skip
"""What a person said; from `click` on, what a user did, which is implicit feedback."""
FeedbackSubject = Literal["execution", "trace", "session"]
FeedbackSource = Literal["explicit", "implicit", "judge"]
"""A person said it; a user did it; a judge scored it, which is no opinion of a person."""
KeyScope = Literal["ingest", "browser-ingest"]
Outcome = Literal["ok", "error", "refused", "timeout"]
Confidentiality = Literal["public", "internal", "confidential", "restricted"]
"""How confidential the texts of an execution are, the least confidential first."""
US_DOLLARS = "USD"
"""The currency of a cost that names none."""


class PromptUse(Fact):
    """A prompt that an execution used: by content (`digest`) or only by the app's own label (`version`)."""

    name: str
    digest: str | None = None
    version: str | None = None

    @property
    def identity(self) -> str:
        """The identity that quality is tracked by: the digest if the content is known, else the label."""
        return self.digest or f"label:{self.version or 'unknown'}"


class Consent(Fact):
    """What the user agreed to. None is unknown: it counts for quality, never for learning."""

    quality: bool | None = None
    learning: bool | None = None


class Usage(Fact):
    """Tokens by kind. Those of the input include cached ones, those of the output include reasoning."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_tokens: int | None = None

    @property
    def total(self) -> int | None:
        """The total that was sent, else the sum of input and output; None where one of them is unknown."""
        if self.total_tokens is not None or self.input_tokens is None or self.output_tokens is None:
            return self.total_tokens
        return self.input_tokens + self.output_tokens


class ContextDetail(Fact):
    """What is known of a retrieved document beside its text."""

    id: str | None = None
    score: float | None = None


class ToolDetail(Fact):
    """What is known of a call of a tool beside its name. Arguments and result are JSON or text."""

    arguments: str | None = None
    result: str | None = None
    outcome: Outcome | None = None
    latency_ms: float | None = None


class ExecutionFacts(Fact):
    """The facts of one LLM call that a feedback is joined with. Users are keyed hashes; texts are scrubbed.

    `region` is the one whose rules the texts are under, in lower case, as the app declares it; None: unknown, as is a
    `confidentiality` of None.
    """

    execution_id: str
    trace_id: str | None = None
    parent_id: str | None = None
    prompts: tuple[PromptUse, ...] = ()
    model: str | None = None
    arm: str | None = None
    user: str | None = None
    session: str | None = None
    input: str | None = None
    output: str | None = None
    outcome: Outcome | None = None
    attributes: dict[str, str] = Field(default_factory=dict)
    consent: Consent = Consent()
    region: str | None = None
    confidentiality: Confidentiality | None = None
    occurred_at: AwareDatetime
    clock_skew_s: int | None = None
    """Seconds by which the app's clock was ahead (negative: behind), if `occurred_at` was corrected for it."""


class ExecutionRecorded(TargetEvent):
    """One accepted, scrubbed execution, or a later completion of it.

    `cost` is in `currency` (ISO 4217), in US dollars if there is none. `contexts` are texts, empty for a document of
    which only the id is known, and `tools` names of the tools called. Their details are in the same order, or empty
    where no detail is known.

    Revision 1 is the first record; each completion has a higher revision. There, `facts` are those of the complete
    execution, all other fields have new values only, and `completes` has the paths of the new values, such as
    `output`, `outcome`, `latency_ms` or `scores.helpful`. A value is new in one revision only, so revisions may be
    counted in any order.
    """

    topic: ClassVar[str] = "execution.recorded"

    facts: ExecutionFacts
    contexts: tuple[str, ...] = ()
    context_details: tuple[ContextDetail, ...] = ()
    tools: tuple[str, ...] = ()
    tool_details: tuple[ToolDetail, ...] = ()
    parameters: dict[str, str] = Field(default_factory=dict)
    usage: Usage = Usage()
    cost: float | None = None
    currency: str | None = None
    latency_ms: float | None = None
    time_to_first_token_ms: float | None = None
    scores: dict[str, float] = Field(default_factory=dict)
    received_at: AwareDatetime
    revision: int = 1
    completes: tuple[str, ...] = ()

    def is_new(self, field: str) -> bool:
        """Return whether `field`, a path as in `completes`, is new in this revision."""
        return self.revision == 1 or field in self.completes


class Replaced(Fact):
    """The previous feedback of the same user, source, kind, name and execution, which the new one replaces.

    It has neither value nor label if it was never counted: there is nothing to subtract.
    """

    feedback_id: UUID
    value: float | None = None
    label: str | None = None


class ComparedOutput(Fact):
    """One of two compared outputs: its text, or the execution whose output it is."""

    text: str | None = None
    execution_id: str | None = None


class Preference(Fact):
    """Which of two outputs was preferred. One without text is that of an execution."""

    chosen: ComparedOutput
    rejected: ComparedOutput


class FeedbackCreated(TargetEvent):
    """One accepted, scrubbed feedback, joined with its execution's facts if those arrived within 24 h.

    `value` is the number of a thumb (0 or 1), a rating (1 to 5) or a score; 1 or 0 for a `preference` by which the
    execution's own output was chosen or rejected; 1 or 0 for a click or copy that happened or did not; milliseconds of
    a dwell. `label` is a label's word; `text` a comment's or correction's, or what the user wrote beside a value or
    label. Each `name` of a kind is a metric. Of requery, regenerate, abandon and continue the latest replaces the
    others: `replaces.label` is the kind that is replaced.
    Feedback about a trace or a session (`about`, `trace_id`, `session`) is joined with its first root execution. It is
    `mixed` if another version of the same prompts had answered there, too: then it counts for none of them.
    An unjoined feedback has the target "" and no `execution`. `key_scope` is the scope of the key that sent it:
    a `browser-ingest` key is public, so anyone may have sent the feedback. None (from an earlier version of the
    collector) is trusted as little. `evaluator` is the digest of the judge whose score it is.
    """

    topic: ClassVar[str] = "feedback.created"

    feedback_id: UUID
    kind: FeedbackKind
    source: FeedbackSource = "explicit"
    evaluator: str | None = None
    key_scope: KeyScope | None = None
    name: str | None = None
    value: float | None = None
    label: str | None = None
    text: str | None = None
    preference: Preference | None = None
    about: FeedbackSubject = "execution"
    trace_id: str | None = None
    session: str | None = None
    mixed: bool = False
    user: str | None = None
    consent: Consent = Consent()
    replaces: Replaced | None = None
    execution: ExecutionFacts | None = None
    occurred_at: AwareDatetime
    received_at: AwareDatetime
    clock_skew_s: int | None = None


class SubmittedItem(Event):
    """A raw item that an app sends to Kafka. The collector validates it like the body of a request.

    `body` is a request body as JSON text. `signature` proves who submitted it and is not secret: the hexadecimal
    HMAC-SHA256 over `ratchet.submission/2`, the topic, `key_id`, `submitted_at`, `idempotency_key` (or nothing) and
    `body`, each written as its length in bytes, a colon, itself and a comma. Its key is the SHA-256 of the API key's
    secret. `submitted_at` has a UTC offset and is at most seven days old.
    """

    project: str = ""
    environment: str = ""
    key_id: str
    submitted_at: str
    idempotency_key: str | None = None
    body: str
    signature: str

    @property
    def key(self) -> str:
        return self.idempotency_key or ""


class FeedbackSubmitted(SubmittedItem):
    """Raw feedback; `body` is that of a `POST /v1/feedback`."""

    topic: ClassVar[str] = "feedback.submitted"


class ExecutionSubmitted(SubmittedItem):
    """A raw execution; `body` is that of a `POST /v1/executions`."""

    topic: ClassVar[str] = "execution.submitted"


class PromptObserved(PromptEvent):
    """A digest in use that Ratchet did not serve. `document` is set if the app sent the content."""

    topic: ClassVar[str] = "prompt.observed"

    target: str
    digest: str
    document: dict[str, object] | None = None
    first_seen: AwareDatetime
