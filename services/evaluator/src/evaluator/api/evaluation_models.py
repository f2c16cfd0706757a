"""Responses about evaluations, their reports and tasks, and bisections."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from evaluator.domain.waiting_reasons import ShownState
from ratchet_evaluation.domain.outcomes import EvaluationArm
from ratchet_evaluation.domain.statistics.comparison import Goal
from shared.events.bisection import BisectionOutcome, CausalChange, Effect
from shared.events.evaluation import EvaluationVerdict, ExampleText
from shared.web.response_models import NEXT, DescribedResponse


class RunSettingsView(DescribedResponse):
    """What a run has to show, as in `POST /v1/evaluations`."""

    goal: Goal
    margin: float
    metric: str
    min_pass_rate: float | None
    repeats: int
    all_cases: bool
    level: float


class AnswerProgressView(DescribedResponse):
    """Answers so far, and the most that are needed."""

    answered: int
    total: int


class EvaluationView(DescribedResponse):
    """An evaluation. Figures, verdict and digest of the report are null until it is completed.

    `excluded` is the number of cases that are left out. `progress` is null unless it runs. Judges decide up to
    `judge_deadline`; `judges_dropped` says why they don't any more. `waiting_reason` says what it waits for.
    """

    id: UUID
    target: str
    name: str
    proposal_id: UUID | None
    base_digest: str | None
    digest: str
    settings: RunSettingsView
    requested_at: datetime
    dataset: str | None
    dataset_digest: str | None
    excluded: int | None
    started_at: datetime | None
    ended_at: datetime | None
    verdict: EvaluationVerdict | None
    reason: str | None
    report_digest: str | None
    cases: int | None
    difference: float | None
    low: float | None
    high: float | None
    judge_deadline: datetime | None
    judges_dropped: str | None
    state: ShownState
    waiting_reason: str | None
    progress: AnswerProgressView | None


class EvaluationPage(DescribedResponse):
    """A page of evaluations, newest first."""

    items: list[EvaluationView]
    next: str | None = NEXT


class SpendLimitView(DescribedResponse):
    """Limits of what the judges of a run may use; null: no limit."""

    tokens: int | None
    usd: float | None


class EstimateView(DescribedResponse):
    """An upper bound of what an evaluation uses. `usd` and `minutes` are null if they are not known."""

    target: str
    dataset: str
    dataset_digest: str
    cases: int
    answers: int
    judges: list[str]
    calls: int
    tokens: int
    usd: float | None
    minutes: float | None
    run_limit: SpendLimitView | None


class ReportView(DescribedResponse):
    """A report. `digest` is the SHA-256 of the RFC 8785 JSON of `content`; `measurements` differ from run to run."""

    digest: str
    content: dict[str, Any] = Field(description="`ratchet.evaluation-report/1`: docs/evaluation.md has its fields")
    measurements: dict[str, Any]


class BisectionResultView(DescribedResponse):
    """The end of a bisection. `digest` is that of the fix, `restored` compares it with the good prompt."""

    reason: str
    changes: int
    causal: list[CausalChange]
    digest: str | None
    restored: Effect | None
    answers: int


class BisectionView(DescribedResponse):
    """A bisection of the changes between two versions. `result` is null until it is completed."""

    id: UUID
    target: str
    name: str
    regression_id: UUID
    good_digest: str
    bad_digest: str
    requested_at: datetime
    state: Literal["waiting", "running", "completed", "cancelled"]
    dataset: str | None
    dataset_digest: str | None
    ended_at: datetime | None
    outcome: BisectionOutcome | None
    result: BisectionResultView | None


class BisectionPage(DescribedResponse):
    """A page of bisections, newest first."""

    items: list[BisectionView]
    next: str | None = NEXT


class TaskPromptView(DescribedResponse):
    """The prompt to answer with. `examples`: slot → its examples."""

    name: str
    digest: str
    document: dict[str, Any]
    examples: dict[str, list[ExampleText]]


class CaseContextView(DescribedResponse):
    """A document that the answer is to rest on."""

    id: str | None = None
    text: str


class AskedCaseView(DescribedResponse):
    """What the app sees of a case: never what is expected."""

    id: str
    input: Any
    variables: dict[str, Any]
    contexts: list[CaseContextView] | None


class LeasedTaskView(DescribedResponse):
    """A task that the worker holds until `expires_at`; heartbeats extend it."""

    task_id: UUID
    token: UUID
    evaluation_id: UUID
    arm: EvaluationArm
    repeat: int
    prompt: TaskPromptView
    case: AskedCaseView
    expires_at: datetime


class LeasedTasks(DescribedResponse):
    """Tasks for the worker; empty if there are none."""

    tasks: list[LeasedTaskView]


class HeldTasks(DescribedResponse):
    """Ids of the tasks whose leases are extended, and of those whose leases are lost."""

    kept: list[UUID]
    lost: list[UUID]


class AnsweredTasks(DescribedResponse):
    """Ids of tasks: whose answers are stored, which were stored before, and which are lost."""

    accepted: list[UUID]
    repeated: list[UUID]
    lost: list[UUID]
