"""Erasure of a user from the evaluator: golden cases of theirs or of their executions, in versions and reports, too."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from evaluator.dataset_service import lock_dataset, published_message
from evaluator.domain.dataset_publication import make_publication
from evaluator.domain.datasets import DatasetKey
from evaluator.domain.erased_cases import erased_case_ids, reference_key, tombstones_of
from evaluator.storage.cases import CaseRepository, parse_documents
from evaluator.storage.datasets import DatasetRepository
from evaluator.storage.erasures import CaseErasureRepository
from evaluator.storage.judgements import JudgementRepository
from ratchet_evaluation.domain.cases import GoldenCase, parse_case
from shared.events import derived_id
from shared.events.base import execution_reference, subject_key
from shared.events.erasure import ErasureCompleted, ExecutionsErased
from shared.messaging.cloudevents import Received
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.message_erasure import MessageErasure
from shared.messaging.store import Subscription, Tx
from shared.runtime.clock import Clock

_KINDS = ("cases", "versions", "evaluations", "tasks", "reports", "annotation_tasks", "judgements", "dead_letters")


class CaseErasure:
    """Handles `executions.erased`, in one transaction for each part, and reports with the last one."""

    def __init__(self, subjects: ErasedSubjects, clock: Clock, source: str) -> None:
        self._subjects, self._clock, self._source = subjects, clock, source
        self._messages = MessageErasure("evaluator")

    def subscription(self) -> Subscription:
        """Return the subscription to erased executions."""
        return Subscription("erasures", (ExecutionsErased,), self.on_erased, 1)

    async def on_erased(self, tx: Tx, events: Sequence[Received[ExecutionsErased]]) -> None:
        """Bar the executions, and with the last part erase what they and the user reach, and report it.

        The tombstones come first: they wait for those who add cases. A part that is handled after the last one, because
        it was a dead letter, erases by itself.
        """
        for received in events:
            event, saved = received.event, CaseErasureRepository(tx.conn)
            await self._subjects.add(tx.conn, event.project, event.subject, event.erasure_id)
            await saved.add_tombstones([reference_key(each) for each in event.references], event.erasure_id)
            if not event.last and not await saved.is_reported(event.erasure_id):
                continue
            counts = Counter(dict.fromkeys(_KINDS, 0))
            for key in await saved.list_datasets(event.project):
                counts.update(await self._erase_from(tx, key, received))
            keys = [subject_key(event.project, event.subject)]
            counts["judgements"] += await JudgementRepository(tx.conn).erase_subjects(keys)
            counts["annotation_tasks"] += await self._erase_annotated(tx, event.project)
            counts["dead_letters"] += await self._messages.erase_dead_letters(tx.conn, event.project, event.subject)
            if event.last:
                await saved.save_reported(event.erasure_id)
                await self._report(tx, received, counts)

    async def _erase_from(self, tx: Tx, key: DatasetKey, received: Received[ExecutionsErased]) -> dict[str, int]:
        """Erase the cases of one dataset, and publish its latest version without them."""
        await lock_dataset(DatasetRepository(tx.conn), key)
        saved, stored = CaseErasureRepository(tx.conn), CaseRepository(tx.conn)
        versions = await saved.list_versions(key)
        cases = await asyncio.to_thread(parse_documents, await stored.list_documents(key))
        published = {each: await asyncio.to_thread(_parse_lines, each.content) for each in versions}
        everything = list({case.id: case for found in (*published.values(), cases) for case in found}.values())
        ids = await self._find(tx, key.project, everything)
        if not ids:
            return {}
        now = self._clock.now()
        touched = [each for each in versions if any(case.id in ids for case in published[each])]
        counts = {"cases": await saved.delete_cases(key, ids)}
        counts["versions"] = await saved.empty_versions(key, [each.version for each in touched], now)
        counts |= await saved.reset_evaluations(key, [each.digest for each in touched])
        if touched and touched[-1] == versions[-1]:
            await self._publish_rest(tx, key, [case for case in published[touched[-1]] if case.id not in ids], received)
        return counts

    async def _erase_annotated(self, tx: Tx, project: str) -> int:
        """Delete the annotation tasks that show an erased execution."""
        saved = CaseErasureRepository(tx.conn)
        environments = await saved.list_environments(project)
        barred: dict[str, list[UUID]] = {}
        for task_id, execution_id in await saved.list_annotated(project):
            for environment in environments:
                key = reference_key(execution_reference(project, environment, execution_id))
                barred.setdefault(key, []).append(task_id)
        erased = await self._subjects.find_erased(tx.conn, barred.keys())
        return await saved.delete_annotation_tasks([task_id for key in erased for task_id in barred[key]])

    async def _find(self, tx: Tx, project: str, cases: Sequence[GoldenCase]) -> set[str]:
        """Return the ids of the cases that an erasure reaches, now or before."""
        environments = await CaseErasureRepository(tx.conn).list_environments(project)
        barred = await asyncio.to_thread(_tombstones, project, environments, cases)
        erased = await self._subjects.find_erased(tx.conn, barred.keys())
        return erased_case_ids(cases, {case_id for key in erased for case_id in barred[key]})

    async def _publish_rest(
        self, tx: Tx, key: DatasetKey, rest: Sequence[GoldenCase], received: Received[ExecutionsErased]
    ) -> None:
        """Publish the remaining cases of the latest version in the name of the person who requested the erasure."""
        if not rest:
            return
        repository, now = DatasetRepository(tx.conn), self._clock.now()
        dataset = await lock_dataset(repository, key)
        publication = await asyncio.to_thread(make_publication, dataset, rest)
        await repository.publish(key, dataset.target, publication, now, received.event.by)
        version = (await repository.get_latest([key]))[key]
        part_id = derived_id("erasure", str(received.event.erasure_id), str(received.event.part), *key)
        await tx.emit(received.caused(published_message(version), id=part_id, time=now, source=self._source))

    async def _report(self, tx: Tx, received: Received[ExecutionsErased], erased: Mapping[str, int]) -> None:
        event, now = received.event, self._clock.now()
        report = ErasureCompleted(
            project=event.project, environment=event.environment, erasure_id=event.erasure_id, subject=event.subject,
            service="evaluator", erased=dict(erased), completed_at=now,
        )  # fmt: skip
        event_id: UUID = derived_id(report.topic, str(event.erasure_id), "evaluator")
        await tx.emit(received.caused(report, id=event_id, time=now, source=self._source))


def _parse_lines(content: bytes) -> list[GoldenCase]:
    return [parse_case(json.loads(line)) for line in content.splitlines() if line]


def _tombstones(project: str, environments: Sequence[str], cases: Sequence[GoldenCase]) -> dict[str, list[str]]:
    """Return the ids of the cases that each tombstone would bar."""
    found: dict[str, list[str]] = {}
    for case in cases:
        for key in tombstones_of(case.origin, case.user, project, environments):
            found.setdefault(key, []).append(case.id)
    return found
