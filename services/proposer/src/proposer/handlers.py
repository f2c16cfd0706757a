"""Event handlers of the proposer. Each gets a batch, in one transaction."""

from collections.abc import Sequence
from typing import Any

from proposer.domain.candidate_eligibility import (
    ClassifiedFeedback,
    classify_feedback,
    judges_known_answer,
    latest_objection_per_execution,
)
from proposer.domain.fix_drafts import suspected_version
from proposer.domain.instruction_request import FailedAnswer
from proposer.domain.model import Candidate, PromptKey, PromptState
from proposer.instruction_service import InstructionService
from proposer.proposal_service import ProposalService
from proposer.storage.failed_answers import DislikedAnswer
from proposer.storage.repository import ProposerRepository
from proposer.storage.tables import key_from_row
from ratchet.prompt import Prompt, PromptError, example_digest, parse
from shared.events.base import subject_keys
from shared.events.bisection import BisectionCompleted
from shared.events.evaluation import EvaluationCompleted
from shared.events.feedback import FeedbackCreated, PromptObserved
from shared.events.metrics import MetricDeclared
from shared.events.promotion import PromptLive
from shared.events.proposals import ProposalDecided
from shared.events.quality import QualityMeasured, RegressionDetected, RegressionResolved
from shared.messaging.cloudevents import Received
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.store import Subscription, Tx
from shared.runtime.clock import Clock

ClassifiedEvent = tuple[Received[FeedbackCreated], ClassifiedFeedback]


class Handlers:
    """The event handlers of the proposer."""

    def __init__(
        self, service: ProposalService, instructions: InstructionService, subjects: ErasedSubjects, clock: Clock
    ) -> None:
        self._service = service
        self._instructions = instructions
        self._subjects = subjects
        self._clock = clock

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return the subscriptions of this service."""
        return (
            Subscription("feedback", (FeedbackCreated,), self.on_feedback),
            Subscription("regressions", (RegressionDetected, RegressionResolved), self.on_regressions, 50),
            Subscription("candidates", (EvaluationCompleted,), self.on_evaluations, 50),
            Subscription("bisections", (BisectionCompleted,), self.on_bisections, 50),
            Subscription("prompts", (PromptLive, PromptObserved), self.on_prompts, 50),
            Subscription("decisions", (ProposalDecided,), self.on_decisions),
            Subscription("quality", (QualityMeasured,), self.on_quality),
            Subscription("declarations", (MetricDeclared,), self.on_declarations),
        )

    async def on_feedback(self, tx: Tx, batch: Sequence[Received[FeedbackCreated]]) -> None:
        """Save candidates and objections, and update the example sets that they may change.

        Most feedback is neither, and then nothing is written. Feedback about erased users is dropped.
        """
        batch = await self._subjects.drop_erased(tx.conn, batch, lambda received: subject_keys(received.event))
        repository = ProposerRepository(tx.conn)
        classified = await self._classify(repository, batch)
        if self._instructions.rules.model:
            disliked = (received.event for received, found in classified if found.objection)
            await repository.failed_answers.save([each for event in disliked for each in failed_answers(event)])
        await self._update_pool(tx, classified)

    async def _classify(
        self, repository: ProposerRepository, batch: Sequence[Received[FeedbackCreated]]
    ) -> list[ClassifiedEvent]:
        judging = [received.event for received in batch if judges_known_answer(received.event)]
        projects = {(event.project, event.environment) for event in judging}
        declarations = await repository.declarations.get_declarations(projects)
        now = self._clock.now()
        return [(received, classify_feedback(received.event, now, declarations)) for received in batch]

    async def _update_pool(self, tx: Tx, classified: Sequence[ClassifiedEvent]) -> None:
        """Save candidates and objections, and update the example sets of their prompts."""
        objections = latest_objection_per_execution([found.objection for _, found in classified if found.objection])
        candidates = [candidate for _, found in classified for candidate in found.candidates]
        if not objections and not candidates:
            return
        repository = ProposerRepository(tx.conn)
        causes = {candidate.key: received for received, found in classified for candidate in found.candidates}
        objected = await repository.candidates.save_objections(objections)
        targets = {**dict.fromkeys(objected, ""), **{c.key: c.target for c in candidates}}
        states = await repository.prompts.lock_prompts(targets)
        usable = await repository.candidates.save_candidates(candidates, self._service.embedder)
        for key in sorted(objected | {key for key, _ in usable}):
            new = [c for c in candidates if c.key == key and (key, c.feedback_id) in usable]
            cause = causes.get(key, classified[-1][0])
            force = key in objected  # an open proposal may have an example that is not in the selected sets
            await self._service.sync_examples(tx, states[key], cause, force=force, new=None if force else _unique(new))

    async def on_regressions(self, tx: Tx, batch: Sequence[Received[RegressionDetected | RegressionResolved]]) -> None:
        """Draft the fix of each regression, or save why there is none; withdraw the fix of a resolved one."""
        for received in sorted(batch, key=lambda r: (r.event.project, str(r.event.regression_id), r.event.revision)):
            event = received.event
            states = await self._save_regression(ProposerRepository(tx.conn), event)
            for state in states or ():
                await self._service.sync_fixes(tx, state, received)
            if states is not None and isinstance(event, RegressionResolved):
                await self._instructions.end(tx, event, received)
            elif states == [] and isinstance(event, RegressionDetected):
                await self._service.record_no_fix(tx, event)
                await self._instructions.consider(tx, event, received)

    async def _save_regression(
        self, repository: ProposerRepository, event: RegressionDetected | RegressionResolved
    ) -> list[PromptState] | None:
        """Return the suspected prompt, locked, in a list that is empty without one; None for a known revision."""
        suspected = await self._suspected_prompt(repository, event)
        states = await repository.prompts.lock_prompts(dict([suspected]) if suspected else {})
        name = suspected[0].name if suspected else None
        is_new = await repository.regressions.save_regression(event, name, self._clock.now())
        return list(states.values()) if is_new else None

    async def on_evaluations(self, tx: Tx, batch: Sequence[Received[EvaluationCompleted]]) -> None:
        """Save what evaluations of drafted candidates found, and those of proposals for their pull requests."""
        for received in sorted(batch, key=lambda it: key_from_row(it.event)):
            await self._instructions.save_result(tx, received)
            await self._service.record_verdict(tx, received)
            await self._service.pull_requests.record_evaluation(tx, received.event)

    async def on_bisections(self, tx: Tx, batch: Sequence[Received[BisectionCompleted]]) -> None:
        """Save what bisections found, and propose the fixes that follow from it."""
        repository = ProposerRepository(tx.conn)
        for received in sorted(batch, key=lambda it: key_from_row(it.event)):
            states = await repository.prompts.lock_prompts({key_from_row(received.event): received.event.target})
            if await repository.bisections.save_result(received.event, self._clock.now()):
                for state in states.values():
                    await self._service.sync_fixes(tx, state, received)

    async def _suspected_prompt(
        self, repository: ProposerRepository, event: RegressionDetected | RegressionResolved
    ) -> tuple[PromptKey, str] | None:
        if isinstance(event, RegressionResolved):
            return await repository.regressions.get_suspected_prompt(event.regression_id)
        cause = suspected_version(event)
        if cause is None or cause.kind != "prompt_version" or not cause.name:
            return None
        return PromptKey(event.project, event.environment, cause.name), event.target

    async def on_prompts(self, tx: Tx, batch: Sequence[Received[PromptLive | PromptObserved]]) -> None:
        """Save contents and live versions, then update the proposals whose base changed."""
        prompts = ProposerRepository(tx.conn).prompts
        targets = {key_from_row(received.event): received.event.target for received in batch}
        await prompts.lock_prompts(targets)
        last = {key_from_row(received.event): received for received in batch}
        for received in batch:
            await self._save_version(tx, received.event)
        for key, state in (await prompts.lock_prompts(targets)).items():
            await self._service.sync_fixes(tx, state, last[key])
            await self._service.sync_examples(tx, state, last[key])
            await self._instructions.follow_base(tx, state, last[key])

    async def _save_version(self, tx: Tx, event: PromptLive | PromptObserved) -> None:
        repository = ProposerRepository(tx.conn)
        key = key_from_row(event)
        at = event.occurred_at if isinstance(event, PromptLive) else event.first_seen
        prompt = verified_prompt(event.document, event.digest)
        if prompt is not None:
            await repository.prompts.save_document(key, prompt, at)
        if isinstance(event, PromptObserved):
            await repository.prompts.save_seen(key, event.digest, at)
            return
        digests = [example_digest(example) for examples in event.examples.values() for example in examples]
        if event.reason == "example_revoked":
            await repository.prompts.revoke_missing(event, digests)
        if event.reason == "promoted" and event.authorisation.kind == "decision":
            await repository.pool.approve_examples(key, event.sequence, digests)
        if await repository.prompts.save_live(event, digests):
            await repository.proposals.approve_live(key, event.digest, self._clock.now())

    async def on_decisions(self, tx: Tx, batch: Sequence[Received[ProposalDecided]]) -> None:
        """Save decisions. A decided proposal is never withdrawn or proposed again."""
        proposals = ProposerRepository(tx.conn).proposals
        for received in batch:
            event = received.event
            await proposals.save_decision(event.proposal_id, event.verdict, event.reason, self._clock.now())
            await self._service.pull_requests.record_decision(tx, event.proposal_id, event.verdict)

    async def on_quality(self, tx: Tx, batch: Sequence[Received[QualityMeasured]]) -> None:
        """Save the latest measurements of each version. A new example set must not make them worse."""
        prompts = ProposerRepository(tx.conn).prompts
        for received in batch:
            await prompts.save_measurement(received.event)

    async def on_declarations(self, tx: Tx, batch: Sequence[Received[MetricDeclared]]) -> None:
        """Save declarations of metrics. They apply to feedback that is handled afterwards."""
        declarations = ProposerRepository(tx.conn).declarations
        for received in batch:
            await declarations.save_declaration(received.event)


def failed_answers(event: FeedbackCreated) -> list[DislikedAnswer]:
    """Return the answer that a person disliked, for each prompt of its execution; none without consent to learning."""
    execution = event.execution
    if execution is None or event.source != "explicit" or not execution.input:
        return []
    if event.consent.learning is not True or execution.consent.learning is not True:
        return []
    answer = FailedAnswer(
        execution.execution_id, execution.input, execution.output, event.text, execution.region,
        execution.confidentiality,
    )  # fmt: skip
    names = dict.fromkeys(use.name for use in execution.prompts)
    keys = [PromptKey(event.project, event.environment, name) for name in names]
    return [DislikedAnswer(key, answer, execution.user, event.user, event.received_at) for key in keys]


def verified_prompt(document: dict[str, Any] | None, digest: str) -> Prompt | None:
    """Return the prompt in `document`; None if it isn't valid or has another digest than the event names."""
    try:
        prompt = parse(document) if document is not None else None
    except PromptError:
        return None
    return prompt if prompt is not None and prompt.digest == digest else None


def _unique(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates once each: a batch may have one feedback twice."""
    return list({candidate.feedback_id: candidate for candidate in candidates}.values())
