"""Changes of datasets: load, decide, save, emit, in one transaction each."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from evaluator.domain.case_addition import Addition, SentCase, select_new_cases
from evaluator.domain.dataset_publication import Publication, make_publication
from evaluator.domain.datasets import MAX_DATASETS, DatasetKey, DatasetVersion, GoldenDataset, ReviewState
from evaluator.domain.erased_cases import tombstones_of
from evaluator.storage.cases import CaseRepository, parse_documents
from evaluator.storage.datasets import DatasetRepository
from evaluator.storage.erasures import CaseErasureRepository
from ratchet_evaluation.domain.augmentation import AugmentationKind, augment_cases
from shared.events import Envelope, new_id
from shared.events.evaluation import DatasetPublished
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Tx
from shared.problems import Problem
from shared.runtime.clock import Clock
from shared.web.correlation import correlation_id

Barring = Callable[[str | None, str | None], Iterator[str]]
"""(origin, user) of a case → the tombstones that would bar it."""
MAX_NAME = 200
"""Characters of an origin or a user; longer ones are refused."""


class Review(NamedTuple):
    """What a review did: ids of cases whose state changed, and of those that the dataset doesn't have."""

    changed: Sequence[str]
    unknown: Sequence[str]


class DatasetService:
    """Changes datasets. `source` is the CloudEvents source of the emitted events."""

    def __init__(self, store: SqlStore, clock: Clock, source: str, subjects: ErasedSubjects) -> None:
        self._store = store
        self._subjects = subjects
        self._clock = clock
        self._source = source

    async def put(
        self, key: DatasetKey, target: str, description: str | None, licence: str | None, by: str
    ) -> tuple[GoldenDataset, bool]:
        """Create a dataset, or describe an existing one; what is None stays. Return it, and whether it is new.

        Raises Problem 409 if it has another target, or the environment has too many datasets.
        """
        async with self._store.begin() as tx:
            saved = DatasetRepository(tx.conn)
            found = await saved.lock(key)
            if found is None and await saved.count(key.project, key.environment) >= MAX_DATASETS:
                raise Problem(409, "too-many-datasets", f"An environment has at most {MAX_DATASETS} datasets")
            new = GoldenDataset(key, target, description or "", licence, self._clock.now(), by)
            if found is None and await saved.create(new):
                return new, True
            if found is None:  # another request created it at the same time
                found = await lock_dataset(saved, key)
            if found.target != target:
                raise Problem(
                    409, "target-fixed", "The target of a dataset can't be changed",
                    f"{key.name} is for {found.target}: create another dataset for {target}",
                )  # fmt: skip
            given = {"description": description, "licence": licence}
            await saved.describe(key, **{name: value for name, value in given.items() if value is not None})
            return await lock_dataset(saved, key), False

    async def add_cases(self, key: DatasetKey, sent: Sequence[SentCase], by: str) -> Addition:
        """Add cases as proposed, but none of an erased user, and return what became of each. Raises Problem 404."""
        async with self._store.begin() as tx:
            await lock_dataset(DatasetRepository(tx.conn), key)
            saved = CaseRepository(tx.conn)
            documents = await saved.list_documents(key)
            environments = await CaseErasureRepository(tx.conn).list_environments(key.project)
            barring = partial(tombstones_of, project=key.project, environments={*environments, key.environment})
            erased = await self._subjects.find_erased(tx.conn, await asyncio.to_thread(_all_tombstones, sent, barring))
            addition = await asyncio.to_thread(_select_new_cases, documents, sent, barring, erased)
            await saved.add(key, addition.cases, self._clock.now(), by)
            await saved.add_near_duplicates(key, addition.near_duplicates)
            return addition

    async def augment(
        self, key: DatasetKey, kinds: Sequence[AugmentationKind], case_ids: Collection[str] | None, by: str
    ) -> Addition:
        """Propose augmented cases of the accepted ones, or of some of them. Raises Problem 404."""
        async with self._store.begin() as tx:
            await lock_dataset(DatasetRepository(tx.conn), key)
            documents = await CaseRepository(tx.conn).list_documents(key, "accepted")
        accepted = await asyncio.to_thread(parse_documents, documents)
        chosen = [case for case in accepted if case_ids is None or case.id in case_ids]
        made = [SentCase(line, case.to_json()) for line, case in enumerate(augment_cases(chosen, kinds), 1)]
        return await self.add_cases(key, made, by)

    async def review(self, key: DatasetKey, case_ids: Sequence[str], state: ReviewState, by: str) -> Review:
        """Accept or reject cases in the name of a person. Raises Problem 404 for an unknown dataset."""
        async with self._store.begin() as tx:
            await lock_dataset(DatasetRepository(tx.conn), key)
            saved = CaseRepository(tx.conn)
            known = await saved.list_known(key, case_ids)
            changed = await saved.review(key, case_ids, state, self._clock.now(), by)
            return Review(changed, [case_id for case_id in case_ids if case_id not in known])

    async def publish(self, key: DatasetKey, by: str) -> tuple[DatasetVersion, bool]:
        """Publish the accepted cases, and return the version, and whether it is new.

        It is not if the latest version has the same cases. Raises Problem 404, or 409 without an accepted case.
        """
        async with self._store.begin() as tx:
            saved = DatasetRepository(tx.conn)
            dataset = await lock_dataset(saved, key)
            documents = await CaseRepository(tx.conn).list_documents(key, "accepted")
            if not documents:
                raise Problem(409, "no-accepted-case", "No case of this dataset is accepted", "accept cases first")
            publication = await asyncio.to_thread(_make_publication, dataset, documents)
            latest = (await saved.get_latest([key])).get(key)
            if latest is not None and latest.digest == publication.golden_set.digest:
                return latest, False
            await saved.publish(key, dataset.target, publication, self._clock.now(), by)
            version = (await saved.get_latest([key]))[key]
            await self._emit_published(tx, version)
            return version, True

    async def _emit_published(self, tx: Tx, version: DatasetVersion) -> None:
        now = self._clock.now()
        await tx.emit(Envelope(new_id(now), now, self._source, published_message(version), correlation_id()))


def published_message(version: DatasetVersion) -> DatasetPublished:
    """Return the event of a published version."""
    return DatasetPublished(
        project=version.key.project,
        environment=version.key.environment,
        target=version.target,
        dataset=version.key.name,
        version=version.version,
        digest=version.digest,
        cases=version.cases,
        clusters=version.clusters,
    )


async def lock_dataset(saved: DatasetRepository, key: DatasetKey) -> GoldenDataset:
    """Return a locked dataset. Raises Problem 404."""
    found = await saved.lock(key)
    if found is None:
        raise unknown_dataset()
    return found


def unknown_dataset() -> Problem:
    """Return the Problem of a name that no dataset of the environment has."""
    return Problem(404, "unknown-dataset", "There is no such dataset here")


def _select_new_cases(
    documents: Sequence[str], sent: Sequence[SentCase], barring: Barring, erased: Collection[str]
) -> Addition:
    is_erased = (lambda case: any(key in erased for key in barring(case.origin, case.user))) if erased else None
    return select_new_cases(parse_documents(documents), sent, is_erased)


def _all_tombstones(sent: Sequence[SentCase], barring: Barring) -> set[str]:
    """Return the tombstones that would bar any of the sent cases."""
    values = [case.value for case in sent if isinstance(case.value, Mapping)]
    named = [(_text(value.get("origin")), _text(value.get("user"))) for value in values]
    return {key for origin, user in named for key in barring(origin, user)}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= MAX_NAME else None


def _make_publication(dataset: GoldenDataset, documents: Sequence[str]) -> Publication:
    return make_publication(dataset, parse_documents(documents))
