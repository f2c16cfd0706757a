"""What this service does when something happened. Each handler gets a batch, in one transaction."""

from collections.abc import Sequence
from typing import Any

from proposer.domain.candidates import can_enter_set, classify_feedback, latest
from proposer.domain.drafts import suspected_version
from proposer.domain.model import Candidate, PromptKey, PromptState
from proposer.service import ProposalService
from proposer.storage.candidates import lowest_ranked, save_candidates, save_objections
from proposer.storage.declarations import load_declarations, save_declaration
from proposer.storage.keys import key_from_row
from proposer.storage.prompts import (
    lock_prompts,
    revoke_missing,
    save_document,
    save_live,
    save_measurement,
    save_seen,
)  # fmt: skip
from proposer.storage.proposals import approve_what_is_live, decide_proposal
from proposer.storage.regressions import save_regression, suspected_prompt
from ratchet.prompt import Prompt, PromptError, example_digest, parse
from shared.events.feedback import FeedbackCreated, PromptObserved
from shared.events.metrics import MetricDeclared
from shared.events.promotion import PromptLive
from shared.events.proposals import ProposalDecided
from shared.events.quality import QualityMeasured, RegressionDetected, RegressionResolved
from shared.messaging.cloudevents import Received
from shared.messaging.store import Subscription, Tx
from shared.runtime.clock import Clock


class Handlers:
    """The event handlers of the proposer."""

    def __init__(self, desk: ProposalService, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock

    def subscriptions(self) -> tuple[Subscription, ...]:
        """What this service listens to."""
        return (
            Subscription("feedback", (FeedbackCreated,), self.on_feedback),
            Subscription("regressions", (RegressionDetected, RegressionResolved), self.on_regressions, 50),
            Subscription("prompts", (PromptLive, PromptObserved), self.on_prompts, 50),
            Subscription("decisions", (ProposalDecided,), self.on_decisions),
            Subscription("quality", (QualityMeasured,), self.on_quality),
            Subscription("declarations", (MetricDeclared,), self.on_declarations),
        )

    async def on_feedback(self, tx: Tx, batch: Sequence[Received[FeedbackCreated]]) -> None:
        """Keeps candidates and objections, and proposes again where a set has changed. Most feedback is neither."""
        now = self._clock.now()
        declarations = await load_declarations(tx, {(each.event.project, each.event.environment) for each in batch})
        sifted = [(received, classify_feedback(received.event, now, declarations)) for received in batch]
        objections = latest([found.objection for _, found in sifted if found.objection])
        candidates = [candidate for _, found in sifted for candidate in found.candidates]
        if not objections and not candidates:
            return
        causes = {candidate.key: received for received, found in sifted for candidate in found.candidates}
        concerned = await save_objections(tx, objections)
        targets = {**dict.fromkeys(concerned, ""), **{c.key: c.target for c in candidates}}
        states = await lock_prompts(tx, targets)
        await save_candidates(tx, candidates)
        for key in await self._to_choose_again(tx, states, candidates, concerned):
            await self._desk.settle_examples(tx, states[key], causes.get(key, batch[-1]), anew=False)

    async def _to_choose_again(
        self,
        tx: Tx,
        states: dict[PromptKey, PromptState],
        candidates: Sequence[Candidate],
        concerned: set[PromptKey],
    ) -> list[PromptKey]:
        full = await lowest_ranked(tx, list(states.values()))
        better = {c.key for c in candidates if can_enter_set(c, full.get(c.key))}
        return sorted(better | concerned)

    async def on_regressions(self, tx: Tx, batch: Sequence[Received[RegressionDetected | RegressionResolved]]) -> None:
        """Drafts the fix of what fell, or notes why there is none; withdraws the fix of what recovered."""
        for received in sorted(batch, key=lambda r: (r.event.project, str(r.event.regression_id), r.event.revision)):
            event = received.event
            place = await self._suspected(tx, event)
            states = await lock_prompts(tx, dict([place]) if place else {})
            if not await save_regression(tx, event, place[0].name if place else None, self._clock.now()):
                continue
            for state in states.values():
                await self._desk.settle_fixes(tx, state, received)
            if not states and isinstance(event, RegressionDetected):
                await self._desk.no_fix(tx, event)

    async def _suspected(self, tx: Tx, event: RegressionDetected | RegressionResolved) -> tuple[PromptKey, str] | None:
        if isinstance(event, RegressionResolved):
            return await suspected_prompt(tx, event.regression_id)
        cause = suspected_version(event)
        if cause is None or cause.kind != "prompt_version" or not cause.name:
            return None
        return PromptKey(event.project, event.environment, cause.name), event.target

    async def on_prompts(self, tx: Tx, batch: Sequence[Received[PromptLive | PromptObserved]]) -> None:
        """Learns contents and what is live; what was proposed for another base is withdrawn."""
        targets = {key_from_row(received.event): received.event.target for received in batch}
        await lock_prompts(tx, targets)
        last = {key_from_row(received.event): received for received in batch}
        for received in batch:
            await self._learn(tx, received.event)
        for key, state in (await lock_prompts(tx, targets)).items():
            await self._desk.settle_fixes(tx, state, last[key])
            await self._desk.settle_examples(tx, state, last[key])

    async def _learn(self, tx: Tx, event: PromptLive | PromptObserved) -> None:
        key = key_from_row(event)
        at = event.occurred_at if isinstance(event, PromptLive) else event.first_seen
        prompt = verified_prompt(event.document, event.digest)
        if prompt is not None:
            await save_document(tx, key, prompt, at)
        if isinstance(event, PromptObserved):
            await save_seen(tx, key, event.digest, at)
            return
        digests = [example_digest(example) for examples in event.examples.values() for example in examples]
        if event.reason == "example_revoked":
            await revoke_missing(tx, event, digests)
        if await save_live(tx, event, digests):
            await approve_what_is_live(tx, key, event.digest, self._clock.now())

    async def on_decisions(self, tx: Tx, batch: Sequence[Received[ProposalDecided]]) -> None:
        """What a person decided is never withdrawn or proposed again."""
        for received in batch:
            await decide_proposal(tx, received.event.proposal_id, received.event.verdict, self._clock.now())

    async def on_quality(self, tx: Tx, batch: Sequence[Received[QualityMeasured]]) -> None:
        """Keeps how each version does: a new example set must not make it worse."""
        for received in batch:
            await save_measurement(tx, received.event)

    async def on_declarations(self, tx: Tx, batch: Sequence[Received[MetricDeclared]]) -> None:
        """Save what metrics mean: it decides about the feedback that comes after it."""
        for received in batch:
            await save_declaration(tx, received.event)


def verified_prompt(document: dict[str, Any] | None, digest: str) -> Prompt | None:
    """The prompt, if the document is one and has this digest: nothing is drafted from a content that only claims it."""
    try:
        prompt = parse(document) if document is not None else None
    except PromptError:
        return None
    return prompt if prompt is not None and prompt.digest == digest else None
