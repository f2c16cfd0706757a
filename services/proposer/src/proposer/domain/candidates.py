"""Which feedback makes a few-shot example, and which five of them are the set.

Nobody is trusted for what they claim: places are counted by the execution's user, which only a secret key can name, and
ranks go by when the collector received the feedback. See docs/decisions/0009-who-may-teach.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from proposer.domain.declarations import NO_DECLARATIONS, NOTHING, Declarations
from proposer.domain.example_text import example_text, input_key
from proposer.domain.model import Candidate, Objection, PromptKey
from shared.events.feedback import ExecutionFacts, FeedbackCreated, FeedbackKind
from shared.metric_catalog import Declaration, definition_for, is_overall, meaning_of

WINDOW = timedelta(days=30)
MOST = 5
POSITIVE = 0.75
"""A rating of 4 of 1–5, on the scale from 0 to 1."""
NEGATIVE = 0.25

LOWER = "lower_is_better"
_MEANINGS = {"good": 1.0, "bad": 0.0}


@dataclass(frozen=True, slots=True)
class ClassifiedFeedback:
    """What one feedback means for the few-shot slots: nothing at all, for most."""

    candidates: tuple[Candidate, ...] = ()
    objection: Objection | None = None


_NOTHING = ClassifiedFeedback()


def classify_feedback(
    event: FeedbackCreated, now: datetime, declarations: Declarations = NO_DECLARATIONS
) -> ClassifiedFeedback:
    """Candidates (one for each prompt of the execution) and the objection in one feedback. Called for every one."""
    execution = event.execution
    if execution is None or not execution.input or not execution.prompts:
        return _NOTHING
    declared = declarations.find(event)
    score = normalized_score(event.kind, event.name, event.value, event.label, declared)
    positive = score is not None and score >= POSITIVE and _whole(event)
    objects = _objects(event, score, declared)
    if not positive and not objects:
        return _NOTHING
    return ClassifiedFeedback(
        _candidates(event, execution, score) if positive and score and _may_teach(event, execution, now) else (),
        _objection(event, execution) if objects else None,
    )


def normalized_score(
    kind: FeedbackKind, name: str | None, value: float | None, label: str | None, declared: Declaration = NOTHING
) -> float | None:
    """A feedback on a scale from 0 (bad) to 1 (good); None where it does not judge. A correction is a good answer.

    What a name makes of it is what is `declared`, else what the metric catalogue says: of `thumbs_down` a 1 is bad, and
    `positive` says nothing of `toxicity`.
    """
    match kind:
        case "correction":
            return 1.0
        case "label" if label is not None:
            return _MEANINGS.get(meaning_of(label, name or "", declared.labels) or "")
        case "thumb" | "rating" if value is not None:
            definition = definition_for(name, kind, declared)
            low, high = definition.scale
            share = (value - low) / (high - low)
            return None if not definition.declared else 1.0 - share if definition.direction == LOWER else share
    return None


def select_examples(*pools: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The set out of `pools`, which may overlap: best first, one for each input, one for each contributor.

    A tie pushes nothing out. All candidates without a contributor share one place.
    """
    chosen: list[Candidate] = []
    inputs: set[str] = set()
    contributors: set[str | None] = set()
    for candidate in sorted(chain(*pools), key=lambda c: c.rank):
        if len(chosen) == MOST:
            break
        if candidate.input_key in inputs or candidate.contributor in contributors:
            continue
        chosen.append(candidate)
        inputs.add(candidate.input_key)
        contributors.add(candidate.contributor)
    return tuple(chosen)


def can_enter_set(candidate: Candidate, bar: Candidate | None) -> bool:
    """Whether it might change a set whose last member is `bar` (None: the set is not full). Cheap, never wrongly no:

    the example may be one that is served now, which a new candidate does not know of itself.
    """
    return bar is None or replace(candidate, live=True).rank < bar.rank


def latest(objections: Iterable[Objection]) -> tuple[Objection, ...]:
    """The last objection to each execution."""
    found: dict[tuple[str, str, str], Objection] = {}
    for objection in sorted(objections, key=lambda o: (o.received_at, o.feedback_id)):
        found[objection.project, objection.environment, objection.execution_id] = objection
    return tuple(found.values())


def _objects(event: FeedbackCreated, score: float | None, declared: Declaration) -> bool:
    if event.kind == "correction" or (score is not None and score <= NEGATIVE):
        return True
    if event.replaces is None:
        return False
    former = normalized_score(event.kind, event.name, event.replaces.value, event.replaces.label, declared)
    return former is not None and former >= POSITIVE and _whole(event)


def _whole(event: FeedbackCreated) -> bool:
    """Whether it judges the whole answer. One that is named after an aspect, such as `tone`, can't vouch for the rest.

    It still objects: nobody should learn from an answer whose accuracy somebody found bad.
    """
    return not event.name or is_overall(event.name)


def _may_teach(event: FeedbackCreated, execution: ExecutionFacts, now: datetime) -> bool:
    """Whether both agreed to learning: whoever wrote the execution's input, and whoever judged it.

    Neither can consent for the other, and unknown is no. What the app's clock says can only make it too old.
    """
    agreed = event.consent.learning is True and execution.consent.learning is True
    young = now - min(event.occurred_at, event.received_at) <= WINDOW
    return agreed and young and event.source == "explicit"


def _candidates(event: FeedbackCreated, execution: ExecutionFacts, score: float) -> tuple[Candidate, ...]:
    asked = example_text(execution.input)
    answer = example_text(event.text if event.kind == "correction" else execution.output)
    if asked is None or answer is None:
        return ()
    key, secret = input_key(asked), event.key_scope == "ingest"
    contributor = execution.user if secret else None
    eligible = secret and event.kind != "correction"
    digests = {use.name: use.digest for use in execution.prompts}
    return tuple(
        Candidate(
            PromptKey(event.project, event.environment, name), event.target, digest, event.feedback_id,
            execution.execution_id, score, asked, answer, key, execution.user, contributor, eligible,
            event.occurred_at, event.received_at,
        )
        for name, digest in digests.items()
    )  # fmt: skip


def _objection(event: FeedbackCreated, execution: ExecutionFacts) -> Objection:
    return Objection(event.project, event.environment, execution.execution_id, event.feedback_id, event.received_at)
