"""Which feedback makes a few-shot example, and which five of them are the set."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from proposer.model import Candidate, Objection, PromptKey
from proposer.texts import example_text, input_key
from shared.events.feedback import ExecutionFacts, FeedbackCreated

WINDOW = timedelta(days=30)
MOST = 5
MOST_PER_USER = 2
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


def choose(pool: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The set: best first, one for each input, at most two of one user. A tie pushes nothing out."""
    chosen: list[Candidate] = []
    inputs: set[str] = set()
    users: Counter[str] = Counter()
    for candidate in sorted(pool, key=lambda c: c.rank):
        if len(chosen) == MOST:
            break
        if candidate.input_key in inputs or (candidate.user and users[candidate.user] >= MOST_PER_USER):
            continue
        chosen.append(candidate)
        inputs.add(candidate.input_key)
        users[candidate.user or ""] += 1
    return tuple(chosen)


def could_enter(candidate: Candidate, bar: Candidate | None) -> bool:
    """Whether it might change a set whose last member is `bar` (None: the set is not full). Cheap, never wrongly no."""
    return bar is None or candidate.rank < bar.rank


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
    consents = (event.consent.learning, execution.consent.learning)
    agreed = True in consents and False not in consents
    return agreed and event.source == "explicit" and now - event.occurred_at <= WINDOW


def _candidates(event: FeedbackCreated, execution: ExecutionFacts, score: float) -> tuple[Candidate, ...]:
    asked = example_text(execution.input)
    answer = example_text(event.text if event.kind == "correction" else execution.output)
    if asked is None or answer is None:
        return ()
    key, user = input_key(asked), event.user or execution.user
    digests = {use.name: use.digest for use in execution.prompts}
    return tuple(
        Candidate(
            PromptKey(event.project, event.environment, name), event.target, digest, event.feedback_id,
            execution.execution_id, score, asked, answer, key, user, event.occurred_at, event.received_at,
        )
        for name, digest in digests.items()
    )  # fmt: skip


def _objection(event: FeedbackCreated, execution: ExecutionFacts) -> Objection:
    return Objection(event.project, event.environment, execution.execution_id, event.feedback_id, event.received_at)
