"""Selects the example sets of prompts, and keeps those of busy prompts in memory between two batches of feedback."""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from proposer.domain.incremental_sets import IncrementalSet
from proposer.domain.model import Candidate, PromptKey, PromptState, Proposal
from proposer.domain.pool_entries import PoolEntry
from proposer.domain.proposals import SelectedExamples
from proposer.domain.set_replacement import ProposedSet
from proposer.domain.text_vectors import Embedder
from proposer.domain.tuning_settings import TuningSettings, score_of
from proposer.storage.repository import ProposerRepository
from shared.runtime.clock import Clock

_KEPT_PROMPTS = 32
"""Prompts whose sets stay in memory: about 5 MB each at most."""

_KEPT_FOR = timedelta(minutes=1)
"""Sets are read again after this time, because candidates leave the window."""


@dataclass(frozen=True, slots=True)
class SelectedSets:
    """The set that needs no decision, and the whole one."""

    eligible: IncrementalSet
    whole: IncrementalSet

    def ids(self) -> tuple[tuple[UUID, ...], tuple[UUID, ...]]:
        """Return the feedback ids of the whole set and of the one that needs no decision."""
        return _ids(self.whole.members), _ids(self.eligible.members)


@dataclass(frozen=True, slots=True)
class _KeptSets:
    sets: SelectedSets
    token: UUID
    settings: TuningSettings
    read_at: datetime


class ExampleSetSelector:
    """Selects example sets under the lock of their prompt.

    `pool_token` of the prompt's row names the pool that the sets in memory were selected from. Each transaction that
    changes a pool writes another token, so that sets of another instance or of a failed transaction are never used.
    """

    def __init__(self, embedder: Embedder, clock: Clock) -> None:
        self.embedder = embedder
        self._clock = clock
        self._kept: OrderedDict[PromptKey, _KeptSets] = OrderedDict()

    async def select(
        self, repository: ProposerRepository, state: PromptState, new: Sequence[Candidate] | None
    ) -> SelectedSets:
        """Return the example sets as of now. `new`: all candidates that were added since the last call."""
        now = self._clock.now()
        settings = await repository.tuning.get(state.key.project, state.key.environment, state.target)
        kept = self._kept.pop(state.key, None)
        usable = kept and (kept.token, kept.settings) == (state.pool_token, settings) and now - kept.read_at < _KEPT_FOR
        if kept is not None and usable and new is not None:
            self._add(kept.sets, state, settings, new)
        else:
            sets = await self._read(repository, state, settings, settings.score_to_enter)
            kept = _KeptSets(sets, uuid4(), settings, now)
        await self._keep(repository, state.key, kept)
        return kept.sets

    async def select_batch(
        self, repository: ProposerRepository, state: PromptState, settings: TuningSettings
    ) -> SelectedSets:
        """Return the example sets of a batch run, in which candidates enter from `batch_min_rating` on."""
        sets = await self._read(repository, state, settings, score_of(settings.batch_min_rating))
        await repository.prompts.save_pool_token(state.key, uuid4())
        return sets

    async def to_examples(
        self, repository: ProposerRepository, state: PromptState, example_set: IncrementalSet
    ) -> SelectedExamples:
        """Return a set with the texts of its examples."""
        live = state.live_example_digests
        found = await repository.candidates.list_by_id(state.key, _ids(example_set.members), live)
        settings = await repository.tuning.get(state.key.project, state.key.environment, state.target)
        entries = tuple(entry for entry in example_set.members if entry.feedback_id in found)
        return SelectedExamples(
            tuple(found[entry.feedback_id] for entry in entries),
            entries,
            example_set.questions,
            self.embedder.name,
            await repository.pool.list_faults(state, settings),
        )

    async def to_proposed_set(
        self, repository: ProposerRepository, state: PromptState, proposal: Proposal, places: int
    ) -> ProposedSet:
        """Return the set of an open proposal, with those of its members that may still be examples.

        `places` are those of its slot.
        """
        settings = await repository.tuning.get(state.key.project, state.key.environment, state.target)
        scope = (settings, self.embedder.name, self._clock.now())
        members = await repository.pool.list_members(state, proposal.members, *scope)
        size = max(1, len(proposal.members))
        return ProposedSet(tuple(members), size, proposal.is_settled, min(places, settings.max_examples))

    async def _keep(self, repository: ProposerRepository, key: PromptKey, kept: _KeptSets) -> None:
        token = uuid4()
        await repository.prompts.save_pool_token(key, token)
        self._kept[key] = replace(kept, token=token)
        if len(self._kept) > _KEPT_PROMPTS:
            self._kept.popitem(last=False)

    async def _read(
        self, repository: ProposerRepository, state: PromptState, settings: TuningSettings, enter: float
    ) -> SelectedSets:
        pool = await repository.pool.list_entries(state, settings, enter, self.embedder.name, self._clock.now())
        limits = settings.limits(self.embedder.near_duplicate)
        eligible = [entry for entry in pool if entry.needs_no_decision]
        return SelectedSets(
            IncrementalSet(eligible, limits, _named(eligible, state.chosen_eligible)),
            IncrementalSet(pool, limits, _named(pool, state.chosen)),
        )

    def _add(self, sets: SelectedSets, state: PromptState, settings: TuningSettings, new: Sequence[Candidate]) -> None:
        vectors = self.embedder.embed([candidate.input for candidate in new])
        for candidate, vector in zip(new, vectors, strict=True):
            if candidate.score < settings.score_to_enter or not settings.data.allows(candidate.data):
                continue
            live = candidate.example_digest in state.live_example_digests
            entry = PoolEntry(
                candidate.feedback_id, candidate.input_key, candidate.contributor, candidate.score,
                candidate.grant_eligible or live, candidate.corrected and candidate.trusted, candidate.trusted,
                candidate.tokens, candidate.received_at, vector,
            )  # fmt: skip
            sets.whole.add(entry)
            if entry.needs_no_decision:
                sets.eligible.add(entry)


def _ids(members: Sequence[PoolEntry]) -> tuple[UUID, ...]:
    return tuple(member.feedback_id for member in members)


def _named(pool: Sequence[PoolEntry], wanted: Collection[UUID]) -> list[PoolEntry]:
    return [entry for entry in pool if entry.feedback_id in set(wanted)]
