"""Which feedback makes a few-shot example, and which five of them are the set.

Nobody is trusted for what they claim: places are counted by the execution's user, which only a secret key can name, and
ranks go by when the collector received the feedback. See docs/decisions/0009-who-may-teach.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from proposer.model import Candidate, Objection, PromptKey
from proposer.texts import example_text, input_key
from shared.events.feedback import ExecutionFacts, FeedbackCreated

WINDOW = timedelta(days=30)
MOST = 5
POSITIVE = 0.75
"""A rating of 4 of 1–5, on the scale from 0 to 1."""
NEGATIVE = 0.25

POSITIVE_LABELS = frozenset({"correct", "helpful", "positive"})
NEGATIVE_LABELS = frozenset(
    {"bad", "fail", "hallucinated", "hallucination", "harmful", "incorrect", "irrelevant", "negative"}
    | {"not helpful", "rejected", "unfaithful", "unhelpful", "wrong"}
)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What one feedback means for the few-shot slots: nothing at all, for most."""

    candidates: tuple[Candidate, ...] = ()
    objection: Objection | None = None


_NOTHING = Sifted()


def sift(event: FeedbackCreated, now: datetime) -> Sifted:
    """Candidates (one for each prompt of the execution) and the objection in one feedback. Called for every one."""
    execution = event.execution
    if execution is None or not execution.input or not execution.prompts:
        return _NOTHING
    score = judged(event.kind, event.value, event.label)
    positive = score is not None and score >= POSITIVE
    if not positive and not _objects(event, score):
        return _NOTHING
    return Sifted(
        _candidates(event, execution, score) if positive and score and _may_teach(event, execution, now) else (),
        _objection(event, execution) if _objects(event, score) else None,
    )


def judged(kind: str, value: float | None, label: str | None) -> float | None:
    """A feedback on a scale from 0 (bad) to 1 (good); None where it does not judge. A correction is a good answer."""
    if kind == "correction":
        return 1.0
    if kind == "thumb" and value is not None:
        return value
    if kind == "rating" and value is not None:
        return (value - 1) / 4
    if kind == "label" and label is not None:
        word = label.strip().casefold().replace("_", " ").replace("-", " ")
        return 1.0 if word in POSITIVE_LABELS else 0.0 if word in NEGATIVE_LABELS else None
    return None


def choose(*pools: Iterable[Candidate]) -> tuple[Candidate, ...]:
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


def could_enter(candidate: Candidate, bar: Candidate | None) -> bool:
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


def _objects(event: FeedbackCreated, score: float | None) -> bool:
    if event.kind == "correction" or (score is not None and score <= NEGATIVE):
        return True
    if event.replaces is None:
        return False
    former = judged(event.kind, event.replaces.value, event.replaces.label)
    return former is not None and former >= POSITIVE


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
