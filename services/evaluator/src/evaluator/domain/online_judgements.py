"""Online judging: which executions of a target are judged, in which order, and what people say of them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from ratchet.prompt import Json
from ratchet.prompt.canonical import canonical_bytes
from ratchet_evaluation.domain.judges.definition import JudgeDefinition
from ratchet_evaluation.domain.judges.judged_text import JudgedText
from shared.events import derived_id
from shared.events.feedback import ExecutionRecorded, FeedbackCreated
from shared.events.feedback_structs import ExecutionRecordedStruct, FeedbackCreatedStruct
from shared.metric_catalog import meaning_of

JudgementPurpose = Literal["online", "anchor", "run"]
"""An execution; an anchor; an answer to a case of an evaluation."""
JudgementState = Literal["waiting", "known", "unknown", "dropped"]
"""`dropped`: it waited for too long, so it was not judged."""
SCORES_PER_ANCHOR = 5
"""Number of scores of executions after which an anchor is scored again."""
MOST_ANCHORS = 100
KEPT_WAITING = timedelta(hours=1)
"""Time after which an execution that waits is not judged any more, and its texts are deleted."""
LEASE = timedelta(minutes=10)
MAX_ATTEMPTS = 3
_LONGEST = 100_000
"""Characters of an execution's texts; longer ones are not judged."""
_LONGEST_SEGMENT = 64
_HALF = 0.5

AnyRecorded = ExecutionRecorded | ExecutionRecordedStruct
AnyOpinion = FeedbackCreated | FeedbackCreatedStruct


@dataclass(frozen=True, slots=True)
class TargetScopeKey:
    """A target of an environment."""

    project: str
    environment: str
    target: str


@dataclass(frozen=True, slots=True)
class JudgingRule:
    """How the executions of a target are judged.

    `rate` is the share that is sampled. `stratify_by`: an attribute whose levels get the same number of judgements.
    `confidence`: a score of the execution; those with a low one are judged first. Limits are for a day (UTC).
    `judge_proposals`: the judge scores the answers of proposals' evaluations, too.
    """

    scope: TargetScopeKey
    judge: str
    rate: float
    stratify_by: str | None = None
    confidence: str | None = None
    daily_calls: int | None = None
    daily_tokens: int | None = None
    daily_usd: float | None = None
    judge_proposals: bool = False


@dataclass(frozen=True)
class RegisteredJudge:
    """A judge of an environment. `people_metric` is the metric of annotations that it is compared with."""

    project: str
    environment: str
    definition: JudgeDefinition
    anchors: tuple[JudgedText, ...]
    people_metric: str
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class NewJudgement:
    """A text that waits for its judge. `priority`: higher is judged first."""

    id: UUID
    scope: TargetScopeKey
    judge: str
    digest: str
    purpose: JudgementPurpose
    judged: JudgedText
    occurred_at: datetime
    priority: float
    segment: str = ""
    execution_id: str | None = None
    case_id: str | None = None
    evaluation_id: UUID | None = None


def is_sampled(rule: JudgingRule, execution_id: str) -> bool:
    """Return whether an execution is judged: always the same answer for the same execution and judge."""
    parts = (rule.scope.project, rule.scope.environment, rule.scope.target, rule.judge, execution_id)
    drawn = hashlib.sha256("\0".join(parts).encode()).digest()
    return int.from_bytes(drawn[:8], "big") < rule.rate * 2.0**64


def sampled_judgement(rule: JudgingRule, digest: str, event: AnyRecorded) -> NewJudgement | None:
    """Return the judgement of a recorded execution; None if it is not sampled, or has no output yet."""
    facts = event.facts
    if not (facts.output and facts.input) or not event.is_new("output") or facts.consent.quality is False:
        return None
    if not is_sampled(rule, facts.execution_id):
        return None
    contexts = event.contexts or None
    if len(facts.input) + len(facts.output) + sum(map(len, contexts or ())) > _LONGEST:
        return None
    scope = rule.scope
    id_ = derived_id("judgement", scope.project, scope.environment, digest, facts.execution_id)
    segment = facts.attributes.get(rule.stratify_by, "") if rule.stratify_by else ""
    confidence = event.scores.get(rule.confidence) if rule.confidence else None
    return NewJudgement(
        id_, scope, rule.judge, digest, "online", JudgedText(facts.input, facts.output, contexts and tuple(contexts)),
        facts.occurred_at, _HALF if confidence is None else 1.0 - min(max(confidence, 0.0), 1.0),
        segment[:_LONGEST_SEGMENT], facts.execution_id,
    )  # fmt: skip


def anchor_judgement(
    judge: RegisteredJudge, target: str, anchor: JudgedText, number: int, occurred_at: datetime
) -> NewJudgement:
    """Return the judgement number `number` of an anchor; 0 is the first one, with which others are compared."""
    digest, case_id = judge.definition.digest, anchor_id(anchor)
    scope = TargetScopeKey(judge.project, judge.environment, target)
    id_ = derived_id("anchor", scope.project, scope.environment, target, digest, case_id, str(number))
    priority = 3.0 if number == 0 else 2.0
    return NewJudgement(
        id_, scope, judge.definition.name, digest, "anchor", anchor, occurred_at, priority, case_id=case_id
    )


def anchor_id(anchor: JudgedText) -> str:
    """Return the id of an anchor: the start of its digest."""
    return anchor.digest.removeprefix("sha256:")[:12]


def feedback_body(judgement: NewJudgement, score: float, at: datetime) -> str:
    """Return the score of an execution as the body of a `POST /v1/feedback`, in one form: it is signed."""
    body: dict[str, Json] = {
        "id": str(judgement.id),
        "execution_id": judgement.execution_id,
        "kind": "score",
        "name": judgement.judge,
        "value": score,
        "source": "judge",
        "evaluator": judgement.digest,
        "occurred_at": at.isoformat(),
    }
    return canonical_bytes(body).decode()


def opinion_value(event: AnyOpinion) -> float | None:
    """Return what a person said of an execution from 0 (bad) to 1 (good); None for what is no opinion of one."""
    if event.source != "explicit" or event.about != "execution" or event.consent.quality is False:
        return None
    if event.kind == "thumb":
        return event.value
    if event.kind == "rating" and event.value is not None:
        return (event.value - 1.0) / 4.0
    if event.kind == "label" and event.label is not None:
        return {"good": 1.0, "bad": 0.0}.get(meaning_of(event.label, event.name or "", {}) or "")
    return None


def judge_json(judge: RegisteredJudge) -> dict[str, Any]:
    """Return a judge for the API, without figures."""
    return {
        **judge.definition.to_json(),
        "digest": judge.definition.digest,
        "people_metric": judge.people_metric,
        "anchors": len(judge.anchors),
        "changed_at": judge.changed_at,
        "changed_by": judge.changed_by,
    }


def rule_from_row(row: Mapping[str, Any]) -> JudgingRule:
    """Return a stored rule."""
    return JudgingRule(
        TargetScopeKey(row["project"], row["environment"], row["target"]), row["judge"], row["rate"],
        row["stratify_by"], row["confidence"], row["daily_calls"], row["daily_tokens"], row["daily_usd"],
        row["judge_proposals"],
    )  # fmt: skip
