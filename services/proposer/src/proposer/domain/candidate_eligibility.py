"""Which feedback makes a candidate for a few-shot example, and which objects to one.

Claims are not trusted: examples are counted by the execution's user, which only a secret key can name, and ties are
ranked by when the collector received the feedback. See docs/decisions/0009-eligible-few-shot-examples.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from proposer.domain.declarations import NO_DECLARATIONS, NOTHING, Declarations
from proposer.domain.example_text import example_text, input_key
from proposer.domain.model import Candidate, Objection, PromptKey
from shared.events.feedback import ExecutionFacts, FeedbackCreated, FeedbackKind
from shared.metric_catalog import Declaration, definition_for, is_overall, meaning_of

CANDIDATE_WINDOW = timedelta(days=30)
MIN_POSITIVE_SCORE = 0.75
"""A rating of 4 of 1–5, on the scale from 0 to 1."""
MAX_NEGATIVE_SCORE = 0.25

_LABEL_SCORES = {"good": 1.0, "bad": 0.0}


@dataclass(frozen=True, slots=True)
class ClassifiedFeedback:
    """The candidates and the objection in one feedback; most feedback has neither."""

    candidates: tuple[Candidate, ...] = ()
    objection: Objection | None = None


_NOTHING = ClassifiedFeedback()


def classify_feedback(
    event: FeedbackCreated, now: datetime, declarations: Declarations = NO_DECLARATIONS
) -> ClassifiedFeedback:
    """Return the candidates (one for each prompt of the execution) and the objection in one feedback."""
    execution = event.execution
    if execution is None or not judges_known_answer(event):
        return _NOTHING
    declared = declarations.find(event)
    score = normalized_score(event.kind, event.name, event.value, event.label, declared)
    positive = score is not None and score >= MIN_POSITIVE_SCORE and _judges_whole_answer(event)
    objects = _objects(event, score, declared)
    if not positive and not objects:
        return _NOTHING
    return ClassifiedFeedback(
        _candidates(event, execution, score) if positive and score and _may_teach(event, execution, now) else (),
        _objection(event, execution) if objects else None,
    )


def judges_known_answer(event: FeedbackCreated) -> bool:
    """Return whether the feedback's execution has a prompt and an input: else it is neither candidate nor objection.

    Feedback about a session judges all of its answers, and so none of them.
    """
    execution = event.execution
    if execution is None or event.about == "session" or event.mixed:
        return False
    return bool(execution.input) and bool(execution.prompts)


def normalized_score(
    kind: FeedbackKind, name: str | None, value: float | None, label: str | None, declared: Declaration = NOTHING
) -> float | None:
    """Return a feedback on a scale from 0 (bad) to 1 (good); None if it doesn't judge. A correction counts as good.

    Direction and label meanings are those that are `declared`, else those of the metric catalogue: 1 is bad for
    `thumbs_down`, and `positive` has no meaning for `toxicity`. The same words count as quality in the analyzer; that
    fewer feedbacks make an example is decided by `_judges_whole_answer` and `_may_teach`, not by another list.
    """
    match kind:
        case "correction":
            return 1.0
        case "label" if label is not None:
            return _LABEL_SCORES.get(meaning_of(label, name or "", declared.labels) or "")
        case "thumb" | "rating" if value is not None:
            definition = definition_for(name, kind, declared)
            if not definition.declared:
                return None
            low, high = definition.scale
            share = (value - low) / (high - low)
            return 1.0 - share if definition.direction == "lower_is_better" else share
    return None


def latest_objection_per_execution(objections: Iterable[Objection]) -> tuple[Objection, ...]:
    """Return the latest objection to each execution."""
    latest: dict[tuple[str, str, str], Objection] = {}
    for objection in sorted(objections, key=lambda o: (o.received_at, o.feedback_id)):
        latest[objection.project, objection.environment, objection.execution_id] = objection
    return tuple(latest.values())


def _objects(event: FeedbackCreated, score: float | None, declared: Declaration) -> bool:
    if event.kind == "correction" or (score is not None and score <= MAX_NEGATIVE_SCORE):
        return True
    if event.replaces is None:
        return False
    previous = normalized_score(event.kind, event.name, event.replaces.value, event.replaces.label, declared)
    return previous is not None and previous >= MIN_POSITIVE_SCORE and _judges_whole_answer(event)


def _judges_whole_answer(event: FeedbackCreated) -> bool:
    """Return whether the feedback is about the whole answer, not about an aspect such as `tone`.

    A good aspect makes no example, but a bad one objects: nothing is learned from an answer with a bad aspect.
    """
    return not event.name or is_overall(event.name)


def _may_teach(event: FeedbackCreated, execution: ExecutionFacts, now: datetime) -> bool:
    """Return whether the execution's user and the feedback's user both agreed to learning; unknown is no.

    The feedback must be explicit and within the window; the app's clock can only make it too old.
    """
    agreed = event.consent.learning is True and execution.consent.learning is True
    recent = now - min(event.occurred_at, event.received_at) <= CANDIDATE_WINDOW
    return agreed and recent and event.source == "explicit"


def _candidates(event: FeedbackCreated, execution: ExecutionFacts, score: float) -> tuple[Candidate, ...]:
    input_text = example_text(execution.input)
    output_text = example_text(event.text if event.kind == "correction" else execution.output)
    if input_text is None or output_text is None:
        return ()
    key, secret, corrected = input_key(input_text), event.key_scope == "ingest", event.kind == "correction"
    contributor = execution.user if secret else None
    eligible = secret and not corrected
    digests = {use.name: use.digest for use in execution.prompts}
    return tuple(
        Candidate(
            PromptKey(event.project, event.environment, name), event.target, digest, event.feedback_id,
            execution.execution_id, score, input_text, output_text, key, execution.user, contributor, eligible,
            event.occurred_at, event.received_at, author=event.user if corrected else None,
            corrected=corrected, trusted=secret, region=execution.region, confidentiality=execution.confidentiality,
        )
        for name, digest in digests.items()
    )  # fmt: skip


def _objection(event: FeedbackCreated, execution: ExecutionFacts) -> Objection:
    return Objection(event.project, event.environment, execution.execution_id, event.feedback_id, event.received_at)
