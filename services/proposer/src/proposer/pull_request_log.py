"""Saves which proposals should become pull requests, in the transaction of the proposal."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from proposer.domain.model import PromptKey
from proposer.domain.prompt_homes import PromptHome
from proposer.storage.repository import ProposerRepository
from shared.events.evaluation import EvaluationCompleted
from shared.events.proposals import ProposalReady, ProposalWithdrawn, Verdict
from shared.messaging.store import Tx
from shared.runtime.clock import Clock


class PullRequestLog:
    """Notes what happens to proposals of prompts that have their home in a repository.

    A pull request waits at most `evaluation_seconds` for the evaluation of its proposal.
    """

    def __init__(self, clock: Clock, homes: Mapping[PromptKey, PromptHome], evaluation_seconds: float = 0.0) -> None:
        self._clock = clock
        self._homes = homes
        self._wait = timedelta(seconds=evaluation_seconds)

    async def record(self, tx: Tx, event: ProposalReady | ProposalWithdrawn) -> None:
        """Save that a proposal was opened or withdrawn."""
        if isinstance(event, ProposalWithdrawn):
            reason = f"the proposal was withdrawn: {event.reason.replace('_', ' ')}"
            await self.record_unwanted(tx, event.proposal_id, reason)
            return
        home = self._homes.get(PromptKey(event.project, event.environment, event.name))
        if home is not None:
            now = self._clock.now()
            await ProposerRepository(tx.conn).pull_requests.save_wanted(event, home, now + self._wait, now)

    async def record_decision(self, tx: Tx, proposal_id: UUID, verdict: Verdict) -> None:
        """Save a decision: after an approval the pull request stays, which brings the repository's text in line."""
        if verdict != "approved" and self._homes:
            await self.record_unwanted(tx, proposal_id, f"the proposal was decided: {verdict.replace('_', ' ')}")

    async def record_evaluation(self, tx: Tx, event: EvaluationCompleted) -> None:
        """Save an evaluation, which the pull request shows, or which stops it."""
        if self._homes:
            await ProposerRepository(tx.conn).pull_requests.save_evaluation(event, self._clock.now())

    async def record_unwanted(self, tx: Tx, proposal_id: UUID, reason: str) -> None:
        """Save that no pull request is wanted any more."""
        if self._homes:
            await ProposerRepository(tx.conn).pull_requests.save_unwanted(proposal_id, reason, self._clock.now())
