"""Drafts the example sets of a prompt, and keeps open proposals until another set is clearly better."""

from collections.abc import Sequence

from proposer.domain.model import PromptState, Proposal, ProposalDraft
from proposer.domain.proposal_reconciliation import Action, reconcile
from proposer.domain.proposals import SelectedExamples, draft_example_proposals, fits
from proposer.domain.set_replacement import replaces
from proposer.example_set_selector import ExampleSetSelector, SelectedSets
from proposer.storage.repository import ProposerRepository
from ratchet.prompt import Prompt
from shared.runtime.clock import Clock


class ExampleSetDrafter:
    """Drafts proposals of the selected sets, in the transaction of the repository that it is given."""

    def __init__(self, selector: ExampleSetSelector, clock: Clock) -> None:
        self._selector, self._clock = selector, clock

    async def plan(
        self, repository: ProposerRepository, state: PromptState, selected: SelectedSets, *, keep: bool
    ) -> tuple[Sequence[ProposalDraft], Sequence[Action]]:
        """Return the drafts of the selected sets, and the actions that lead to them.

        With `keep`, open proposals stay until another set is clearly better.
        """
        base = await repository.prompts.get_document(state.key, state.in_use)
        opened = [p for p in await repository.proposals.list_open(state.key) if p.kind == "few_shot"]
        drafts: list[ProposalDraft] = []
        kept: set[str | None] = set()
        if base and base.slots:
            drafts, examples = await self._draft(repository, state, base, selected)
            kept = await self._kept_slots(repository, state, opened, drafts, examples, base) if keep else set()
        actions = reconcile(
            [proposal for proposal in opened if proposal.slot not in kept],
            [draft for draft in drafts if draft.proposal.slot not in kept],
            state.in_use,
            "evidence_withdrawn",
        )
        return drafts, actions

    async def _draft(
        self, repository: ProposerRepository, state: PromptState, base: Prompt, selected: SelectedSets
    ) -> tuple[list[ProposalDraft], SelectedExamples]:
        """Draft the set that a grant may cover; if a person has decided all of it already, draft the whole set.

        So examples that need a person's decision never delay those that don't. The drafts come with their examples.
        """
        measured = await repository.prompts.list_measurements(state)
        for example_set in (selected.eligible, selected.whole):
            examples = await self._selector.to_examples(repository, state, example_set)
            drafts = [d for d in draft_example_proposals(state, base, examples, measured) if fits(d)]
            if [d for d in drafts if not await repository.proposals.is_decided(d.proposal.content_id)]:
                break
        return drafts, examples

    async def _kept_slots(
        self,
        repository: ProposerRepository,
        state: PromptState,
        opened: Sequence[Proposal],
        drafts: Sequence[ProposalDraft],
        examples: SelectedExamples,
        base: Prompt,
    ) -> set[str | None]:
        """Return the slots whose open proposal stays, although another set was drafted."""
        by_slot = {draft.proposal.slot: draft.proposal for draft in drafts}
        kept = set()
        for proposal in opened:
            drafted = by_slot.get(proposal.slot)
            if drafted is None or proposal.base_digest != drafted.base_digest:
                continue
            places = base.slots[drafted.slot].max if drafted.slot else 0
            proposed = await self._selector.to_proposed_set(repository, state, proposal, places)
            selected = examples.entries[: len(drafted.members)]
            if not replaces(selected, proposed, examples.questions, self._clock.now()):
                kept.add(proposal.slot)
        return kept
