"""Handlers of what is measured about proposals: `dataset.published`, `evaluation.completed`, `quality.measured`."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gatekeeper.domain.errors import BoundaryError
from gatekeeper.domain.signer import Signer
from gatekeeper.storage.acceptance import AcceptanceRepository
from gatekeeper.storage.rollouts import RolloutRepository
from gatekeeper.use_cases.evaluations import record_dataset, record_evaluation
from gatekeeper.use_cases.grants import HALTED, use_grant
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from shared.errors import Permanent, Retryable
from shared.events.evaluation import DatasetPublished, EvaluationCompleted
from shared.events.quality import QualityMeasured
from shared.messaging.cloudevents import Received
from shared.messaging.store import Subscription, Tx
from shared.runtime.clock import Clock

_ARMS = ("base", "candidate", "unassigned")
_MAX_BATCH = 50
"""Events per transaction. Each locks its project, so a batch must be short."""


@dataclass(frozen=True, slots=True)
class EvaluationHandlers:
    """Store golden sets and verdicts. A version goes live here only by a grant that waited for a verdict."""

    signer: Signer
    clock: Clock

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return the subscriptions of these handlers."""
        return (
            Subscription("datasets", (DatasetPublished,), self.on_published, _MAX_BATCH),
            Subscription("evaluations", (EvaluationCompleted,), self.on_completed, _MAX_BATCH),
            Subscription("quality", (QualityMeasured,), self.on_quality),
        )

    async def on_published(self, tx: Tx, events: Sequence[Received[DatasetPublished]]) -> None:
        """Store the latest version of each golden set."""
        await self._record(tx, events, record_dataset)

    async def on_completed(self, tx: Tx, events: Sequence[Received[EvaluationCompleted]]) -> None:
        """Store verdicts of proposals; a repeated one changes nothing. Candidates of drafts are the proposer's."""
        await self._record(tx, [each for each in events if not each.event.drafted], _record_verdict)

    async def on_quality(self, tx: Tx, events: Sequence[Received[QualityMeasured]]) -> None:
        """Count what is measured about live versions, for acceptance criteria, and about the arms of rollouts."""
        acceptance, rollouts = AcceptanceRepository(tx.conn), RolloutRepository(tx.conn)
        for received in events:
            if received.event.arm is None:
                await acceptance.count(received.event, self.clock.now())
            elif received.event.arm in _ARMS and received.event.arm_sums is not None:
                await rollouts.add_measurement(received.event)

    async def _record(
        self, tx: Tx, events: Sequence[Received[Any]], record: Callable[[UnitOfWork, Any], Awaitable[None]]
    ) -> None:
        for received in events:
            unit = UnitOfWork(tx, self.signer, self.clock.now(), received.correlation_id, str(received.id))
            try:
                await record(unit, received.event)
            except BoundaryError as error:
                if error.code in HALTED:
                    raise Retryable(error.code) from None
                raise Permanent(error.code) from None


async def _record_verdict(unit: UnitOfWork, event: EvaluationCompleted) -> None:
    """Store a verdict; if it is a pass, apply a few-shot set whose grant waited for it. Clients hear it by Kafka."""
    await record_evaluation(unit, event)
    if event.verdict == "pass" and await use_grant(unit, event.project, event.environment, event.proposal_id):
        await unit.sign_audit_head(event.project)
