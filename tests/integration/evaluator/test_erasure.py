"""Erasure of a user from the evaluator: cases, versions, answers and reports with their texts."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from evaluator.annotation_queue_service import AnnotationQueueService
from evaluator.dataset_service import DatasetService
from evaluator.domain.annotation_queues import QueueKey, TaskContent
from evaluator.domain.case_addition import SentCase
from evaluator.domain.datasets import DatasetKey
from evaluator.storage.annotation_tables import annotation_queues, annotation_tasks
from ratchet_evaluation.domain.golden_set import GoldenSet
from shared.events.base import execution_reference
from shared.events.erasure import ErasureCompleted, ExecutionsErased
from shared.events.evaluation import DatasetPublished, EvaluationCompleted
from shared.messaging.erased_subjects import ErasedSubjects
from shared.problems import Problem
from tests.integration.evaluator.test_bisections import obey, request
from tests.support.erasure import tables_with
from tests.support.evaluation import golden_case, golden_set
from tests.support.evaluator_service import SCOPE, Evaluator, better, requested
from tests.support.messaging import NOW

ERASURE = UUID(int=7)
KEY = DatasetKey(*SCOPE, "cases")
MARKER = "zanzibarverse"
REST = golden_set(4)
"""So few that each case is asked before the verdict."""
THEIRS = (
    golden_case(id="made", input=f"{MARKER} 1?", origin="https://ratchet.example/executions/e-1"),
    golden_case(id="derived", input=f"{MARKER} 2?", parent="made"),
    golden_case(id="named", input=f"{MARKER} 3?", user="k1:theirs"),
)


def erased(*ids: str, part: int = 1, last: bool = True, erasure_id: UUID = ERASURE) -> ExecutionsErased:
    return ExecutionsErased(
        project=SCOPE[0], environment="staging", erasure_id=erasure_id, subject="k1:theirs", by="ada", part=part,
        last=last, references=tuple(execution_reference(*SCOPE, each) for each in ids),
    )  # fmt: skip


async def hits(evaluator: Evaluator) -> dict[str, int]:
    return await tables_with(evaluator.engine.url.render_as_string(hide_password=False).replace("+asyncpg", ""), MARKER)


async def reports_of_erasures(evaluator: Evaluator) -> list[ErasureCompleted]:
    return [event for event in await evaluator.emitted() if isinstance(event, ErasureCompleted)]


def echo(task: Any) -> str:
    return f"{better(task)} {MARKER if task.case_id in {'made', 'derived', 'named'} else ''}"


async def test_cases_versions_answers_and_reports_with_the_user_s_texts_go(evaluator: Evaluator) -> None:
    """The latest version goes on without them, an older one without any of theirs stays, and a run starts again."""
    await evaluator.publish(REST, version=1)
    await evaluator.publish(GoldenSet((*THEIRS, *REST.cases)), version=2)
    for case in THEIRS:
        await evaluator.add_rejected(case)
    await evaluator.deliver(requested())
    await evaluator.run_to_end(echo)
    await evaluator.deliver(requested(base=None, base_digest=None, kind="first_version"))
    await evaluator.service.advance_all()
    await evaluator.answer(await evaluator.lease(4), echo)
    assert {"evaluator.cases", "evaluator.versions", "evaluator.evaluation_reports"} <= (await hits(evaluator)).keys()

    await evaluator.deliver(erased("e-1", last=False))
    assert await reports_of_erasures(evaluator) == []
    await evaluator.deliver(erased("e-0", part=2))
    assert await hits(evaluator) == {}
    (report,) = await reports_of_erasures(evaluator)
    assert (report.service, report.subject, report.erased["cases"]) == ("evaluator", "k1:theirs", 3)
    assert {kind: report.erased[kind] for kind in ("versions", "evaluations", "reports")} == {
        "versions": 1, "evaluations": 1, "reports": 1,
    }  # fmt: skip
    stored = await evaluator.rows("SELECT version, digest, erased_at FROM evaluator.versions ORDER BY version")
    assert [(row.version, row.erased_at is None) for row in stored] == [(1, True), (2, False), (3, True)]
    assert stored[2].digest == REST.digest
    (published,) = [event for event in await evaluator.emitted() if isinstance(event, DatasetPublished)]
    assert (published.version, published.digest, published.cases) == (3, REST.digest, 4)

    await evaluator.run_to_end(better)
    first, second = sorted(await evaluator.evaluations(), key=lambda row: row.base is None)
    assert (first.state, first.report_digest is None, second.state) == ("completed", False, "completed")
    assert second.dataset_digest == REST.digest
    completed = [event for event in await evaluator.emitted() if isinstance(event, EvaluationCompleted)]
    assert {event.dataset_digest for event in completed} == {first.dataset_digest, REST.digest}


async def test_late_and_repeated_events_erase_nothing_more(evaluator: Evaluator) -> None:
    await evaluator.publish(GoldenSet(THEIRS[:1]))
    await evaluator.deliver(erased("e-1"))
    await evaluator.deliver(erased("e-1", erasure_id=UUID(int=8)))
    first, again = await reports_of_erasures(evaluator)
    assert first.erased["versions"] == 1
    assert set(again.erased.values()) == {0}
    assert not [event for event in await evaluator.emitted() if isinstance(event, DatasetPublished)]
    service = DatasetService(evaluator.store, evaluator.clock, "test", ErasedSubjects("evaluator"))
    sent = [SentCase(line, case.to_json()) for line, case in enumerate((*THEIRS, *REST.cases[:1]), 1)]
    addition = await service.add_cases(KEY, sent, "ann")
    assert [case.id for case in addition.cases] == ["derived", "case-0"]
    assert [(problem.line, problem.field) for problem in addition.problems] == [(1, "origin"), (3, "user")]


async def test_part_that_was_a_dead_letter_erases_later(evaluator: Evaluator) -> None:
    await evaluator.publish(GoldenSet(THEIRS[:1]))
    await evaluator.deliver(erased("e-0", part=2))
    assert await hits(evaluator) != {}
    await evaluator.deliver(erased("e-1", last=False))
    assert await hits(evaluator) == {}
    assert len(await reports_of_erasures(evaluator)) == 1


async def test_annotation_tasks_that_show_an_erased_execution_go(evaluator: Evaluator) -> None:
    async with evaluator.engine.begin() as conn:
        queue = {"project": SCOPE[0], "environment": SCOPE[1], "target": "bot", "rubric": [], "annotators": 1}
        times = {"created_at": NOW, "created_by": "ann", "instructions": "", "reservation_minutes": 5}
        await conn.execute(insert(annotation_queues).values(id=ERASURE, name="q", **queue, **times))
        for number in (1, 2):
            task = {"id": UUID(int=number), "position": number, "digest": str(number), "execution_id": f"e-{number}"}
            added = {"content": {"input": f"text {MARKER}"}, "needed": 1, "added_at": NOW, "added_by": "ann"}
            await conn.execute(insert(annotation_tasks).values(queue_id=ERASURE, **task, **added))
    await evaluator.deliver(erased("e-1"))
    assert [row.execution_id for row in await evaluator.rows("SELECT * FROM evaluator.annotation_tasks")] == ["e-2"]
    (report,) = await reports_of_erasures(evaluator)
    assert report.erased["annotation_tasks"] == 1
    queues = AnnotationQueueService(evaluator.store, evaluator.clock, ErasedSubjects("evaluator"))
    late = [TaskContent(name, "input", "output", (), None) for name in ("e-3", "e-1")]
    with pytest.raises(Problem, match="not valid") as refused:
        await queues.add_tasks(QueueKey(*SCOPE, "q"), late, "ann")
    assert refused.value.errors[0]["field"] == "tasks[1].execution_id"


async def test_cases_of_another_project_or_user_stay(evaluator: Evaluator) -> None:
    await evaluator.publish(GoldenSet(THEIRS))
    event = erased("e-2").model_copy(update={"subject": "k1:another"})
    await evaluator.deliver(event)
    await evaluator.deliver(erased("e-1").model_copy(update={"project": "another", "erasure_id": UUID(int=9)}))
    assert [set(report.erased.values()) for report in await reports_of_erasures(evaluator)] == [{0}, {0}]
    assert (await hits(evaluator)).keys() == {"evaluator.versions"}


@pytest.mark.parametrize(
    "change",
    [
        "content = '', manifest = '{}'",
        "content = 'x', manifest = '{}', erased_at = now()",
        "content = '', manifest = '{}', erased_at = now(), digest = 'x'",
    ],
)
async def test_the_service_can_only_empty_a_version(evaluator: Evaluator, change: str) -> None:
    await evaluator.publish(REST)
    async with evaluator.engine.begin() as conn:
        with pytest.raises(DBAPIError, match="cannot be changed"):
            await conn.execute(text(f"UPDATE evaluator.versions SET {change}"))


async def test_running_bisection_starts_again_without_the_erased_cases(evaluator: Evaluator) -> None:
    rest = golden_set(140)
    await evaluator.publish(GoldenSet((*rest.cases, *THEIRS)))
    await evaluator.deliver(request())
    await evaluator.service.advance_all()
    for _ in range(2):
        await evaluator.bisections.advance_all()
        await evaluator.service.advance_all()
    await evaluator.answer(await evaluator.lease(4), better)
    await evaluator.deliver(erased("e-1"))
    assert await evaluator.rows("SELECT id FROM evaluator.evaluation_tasks") == []
    (waiting,) = await evaluator.rows("SELECT state, dataset_digest FROM evaluator.bisections")
    assert (waiting.state, waiting.dataset_digest) == ("waiting", None)
    await evaluator.run_to_end(obey)
    (ended,) = await evaluator.rows("SELECT state, dataset_digest FROM evaluator.bisections")
    assert (ended.state, ended.dataset_digest) == ("completed", rest.digest)
