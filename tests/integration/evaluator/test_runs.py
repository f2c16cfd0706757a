"""Evaluations in the database: start, tasks, contamination, completion with report and event, cancellation."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from evaluator.domain.worker_requests import LeasedTask
from evaluator.maintenance import delete_old_tasks
from ratchet.prompt import example_set_digest, parse
from ratchet.prompt.canonical import digest_of
from ratchet_evaluation.domain.golden_set import GoldenSet
from shared.events.evaluation import CandidateDrafted, EvaluationCompleted, EvaluationRequested, ExampleText
from shared.events.proposals import ProposalDecided, ProposalWithdrawn
from tests.support.evaluation import BASELINE, CANDIDATE, golden_case, golden_set
from tests.support.evaluator_service import SCOPE, TARGET, Evaluator, better, requested
from tests.support.prompts import minimal


def withdrawn(proposal_id: UUID) -> ProposalWithdrawn:
    scope: dict[str, Any] = {"project": SCOPE[0], "environment": SCOPE[1], "target": TARGET}
    return ProposalWithdrawn(**scope, proposal_id=proposal_id, revision=2, reason="superseded")


def decided(proposal_id: UUID) -> ProposalDecided:
    scope: dict[str, Any] = {"project": SCOPE[0], "environment": SCOPE[1], "target": TARGET}
    return ProposalDecided(
        **scope, proposal_id=proposal_id, revision=2, verdict="rejected", name="answer", digest="d", by="ann"
    )


async def test_a_better_candidate_passes_and_its_event_has_the_report(evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(40))
    request = CandidateDrafted(**requested().model_dump())
    await evaluator.deliver(request)
    await evaluator.run_to_end(better)
    (event,) = await evaluator.emitted()
    assert isinstance(event, EvaluationCompleted)
    assert event.drafted
    assert (event.verdict, event.cases, event.excluded, event.difference) == ("pass", 8, 0, 1.0)
    assert event.reason == "shown to be better than the baseline"
    assert event.low is not None
    assert 0.0 < event.low < 1.0
    assert (event.dataset, event.dataset_digest, event.proposal_id) == (
        "cases",
        golden_set(40).digest,
        request.proposal_id,
    )
    assert (event.base_digest, event.digest) == (BASELINE.digest, CANDIDATE.digest)
    (stored,) = await evaluator.rows(
        "SELECT r.*, e.state FROM evaluator.evaluation_reports r JOIN evaluator.evaluations e ON e.id = r.evaluation_id"
    )
    assert event.report_digest == stored.digest == digest_of(stored.content.encode())
    assert stored.state == "completed"
    assert stored.measurements["candidate"]["mean_latency_ms"] == 1.0
    assert stored.digest in stored.html
    (report,) = await evaluator.reports()
    assert [len(case["candidate"]) for case in report["cases"]] == [1] * 8
    assert report["not_run"] == 32


async def test_a_repeated_request_is_one_evaluation(evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(10))
    request = requested()
    await evaluator.deliver(request, request)
    await evaluator.deliver(request)
    await evaluator.run_to_end(better)
    assert len(await evaluator.evaluations()) == len(await evaluator.emitted()) == 1


async def test_a_request_waits_for_a_published_set(evaluator: Evaluator) -> None:
    await evaluator.deliver(requested())
    await evaluator.run_to_end(better)
    assert [row.state for row in await evaluator.evaluations()] == ["waiting"]
    await evaluator.publish(golden_set(10))
    await evaluator.run_to_end(better)
    assert [row.verdict for row in await evaluator.evaluations()] == ["pass"]


async def test_the_set_that_was_published_last_is_used(evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(10))
    evaluator.clock.advance(timedelta(seconds=1))
    await evaluator.publish(golden_set(12), version=2)
    await evaluator.deliver(requested())
    await evaluator.service.advance_all()
    evaluator.clock.advance(timedelta(seconds=1))
    await evaluator.publish(golden_set(14), version=3)
    await evaluator.run_to_end(better)
    (event,) = await evaluator.emitted()
    assert event.dataset_digest == golden_set(12).digest


async def test_cases_that_the_candidate_was_made_from_are_never_asked(evaluator: Evaluator) -> None:
    cases = (*golden_set(20).cases, golden_case(id="made", input="Made?", origin="execution:e-1"),
             golden_case(id="child", input="Derived?", parent="made"))  # fmt: skip
    await evaluator.publish(GoldenSet(cases))
    await evaluator.deliver(requested(execution_ids=("e-1",)))
    asked = set[str]()

    def respond(task: LeasedTask) -> str:
        asked.add(task.case_id)
        return "yes"

    await evaluator.run_to_end(respond)
    (event,) = await evaluator.emitted()
    (report,) = await evaluator.reports()
    assert asked == {case.id for case in golden_set(20).cases}
    assert (event.verdict, event.cases, event.excluded) == ("inconclusive", 20, 2)
    assert report["excluded"] == [
        {"id": "made", "reason": "origin", "because": "e-1"},
        {"id": "child", "reason": "dependent", "because": "made"},
    ]


EXAMPLES = [{"input": "How long may I keep a lamp before I send it back to you?", "output": "30 days."}]
FILLED = {"messages": [{"role": "system", "content": "Help."}, {"slot": "shots"}]}


def few_shot_request(**fields: Any) -> EvaluationRequested:
    """Return the request of a few-shot set for an empty slot."""
    empty = parse(minimal(**FILLED, slots={"shots": {"max": 5, "set": None}}))
    filled = parse(minimal(**FILLED, slots={"shots": {"max": 5, "set": example_set_digest(EXAMPLES)}}))
    documents = {"base": empty.to_dict(), "base_digest": empty.digest, "document": filled.to_dict()}
    examples = {"shots": [ExampleText(**example) for example in EXAMPLES]}
    return requested(kind="few_shot", digest=filled.digest, **documents, **{"examples": examples, **fields})


async def test_few_shot_set_is_answered_with_its_examples(evaluator: Evaluator) -> None:
    near = golden_case(id="near", input="", variables={"question": EXAMPLES[0]["input"] + "!"})
    await evaluator.publish(GoldenSet((*golden_set(150).cases, near)))
    await evaluator.deliver(few_shot_request())
    shown = dict[str, Any]()

    def respond(task: LeasedTask) -> str:
        shown[task.arm] = task.examples
        assert task.case_id != "near"
        return "yes"

    await evaluator.run_to_end(respond)
    (event,) = await evaluator.emitted()
    (report,) = await evaluator.reports()
    assert shown == {"baseline": {}, "candidate": {"shots": EXAMPLES}}
    assert (event.verdict, event.excluded) == ("pass", 1), "at most 5 points worse"
    assert report["excluded"] == [{"id": "near", "reason": "example", "because": "shots"}]
    assert [row.examples for row in await evaluator.evaluations()] == [{}], "they have users' texts"


async def test_withdrawn_few_shot_set_leaves_no_texts(evaluator: Evaluator) -> None:
    request = few_shot_request()
    await evaluator.deliver(request)
    await evaluator.deliver(withdrawn(request.proposal_id))
    assert [(row.state, row.examples) for row in await evaluator.evaluations()] == [("cancelled", {})]


async def test_unfinished_few_shot_set_loses_its_texts_after_three_days(evaluator: Evaluator) -> None:
    await evaluator.deliver(few_shot_request())
    await evaluator.deliver(requested())
    evaluator.clock.advance(timedelta(days=3, minutes=1))
    await delete_old_tasks(evaluator.store, evaluator.clock)
    assert {(row.state, str(row.examples)) for row in await evaluator.evaluations()} == {
        ("cancelled", "{}"), ("waiting", "{}"),
    }  # fmt: skip


async def test_cancelled_evaluation_begins_again_if_it_is_still_requested(evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(150))
    request = few_shot_request()
    await evaluator.deliver(request)
    await evaluator.service.advance_all()
    await evaluator.answer(await evaluator.lease(), lambda task: "yes")
    await evaluator.service.advance_all()
    evaluator.clock.advance(timedelta(days=3, minutes=1))
    await delete_old_tasks(evaluator.store, evaluator.clock)
    await evaluator.deliver(request)
    await evaluator.run_to_end(lambda task: "yes")
    assert [row.verdict for row in await evaluator.evaluations()] == ["pass"]
    await evaluator.deliver(request)
    assert [row.state for row in await evaluator.evaluations()] == ["completed"]


async def test_examples_that_the_document_does_not_name_are_a_dead_letter(evaluator: Evaluator) -> None:
    other = {"shots": [ExampleText(input="q", output="a")]}
    await evaluator.deliver(few_shot_request(examples=other))
    assert await evaluator.evaluations() == []
    assert len(await evaluator.rows("SELECT 1 FROM evaluator.dead_letters")) == 1


async def test_a_rejected_case_made_from_the_execution_excludes_its_near_duplicate(evaluator: Evaluator) -> None:
    text = "How long does it take until the refund for a lamp that I sent back reaches my account?"
    await evaluator.publish(GoldenSet((*golden_set(5).cases, golden_case(id="near", input=text))))
    await evaluator.add_rejected(golden_case(id="made", input=text + "!", origin="execution:e-1"))
    await evaluator.deliver(requested(execution_ids=("e-1",)))
    await evaluator.service.advance_all()
    (run,) = await evaluator.evaluations()
    assert run.excluded == [{"id": "near", "reason": "near-duplicate", "because": "made"}]


async def test_a_set_of_which_nothing_is_left_is_inconclusive_at_once(evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(10, origin="e-1"))
    await evaluator.deliver(requested(execution_ids=("e-1",)))
    await evaluator.service.advance_all()
    (event,) = await evaluator.emitted()
    assert (event.verdict, event.cases, event.excluded) == ("inconclusive", 0, 10)
    assert (event.difference, event.low, event.high) == (None, None, None)


async def test_protected_cases_are_asked_after_the_decision(evaluator: Evaluator) -> None:
    cases = GoldenSet((*golden_set(40).cases, golden_case(id="never", input="Never", protected=True)))
    await evaluator.publish(cases)
    await evaluator.deliver(requested())
    await evaluator.run_to_end(lambda task: "no" if (task.case_id == "never") == (task.arm == "candidate") else "yes")
    (event,) = await evaluator.emitted()
    (report,) = await evaluator.reports()
    assert event.verdict == "fail"
    assert report["protected"]["new_failures"] == ["never"]


async def test_few_tasks_are_open_at_a_time(evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(100))
    await evaluator.deliver(requested())
    await evaluator.service.advance_all()
    tasks = await evaluator.lease(1000)
    assert [(task.arm, task.name) for task in tasks[:2]] == [("baseline", "answer"), ("candidate", "answer")]
    assert len(tasks) == 16
    assert evaluator.opened == 1
    assert await evaluator.lease(1000) == []


@pytest.mark.parametrize("end", [withdrawn, decided])
async def test_an_ended_proposal_cancels_its_evaluation(evaluator: Evaluator, end: Any) -> None:
    await evaluator.publish(golden_set(40))
    request = requested()
    await evaluator.deliver(request)
    await evaluator.service.advance_all()
    tasks = await evaluator.lease()
    await evaluator.deliver(end(request.proposal_id))
    assert await evaluator.extend(tasks) == []
    assert await evaluator.answer(tasks, better) == ["lost"] * 8
    assert await evaluator.lease() == []
    await evaluator.run_to_end(better)
    assert [row.state for row in await evaluator.evaluations()] == ["cancelled"]
    assert await evaluator.emitted() == []


async def test_a_request_after_the_end_of_its_proposal_is_cancelled(evaluator: Evaluator) -> None:
    request = requested()
    await evaluator.deliver(withdrawn(request.proposal_id))
    await evaluator.publish(golden_set(40))
    await evaluator.deliver(request)
    await evaluator.run_to_end(better)
    assert [row.state for row in await evaluator.evaluations()] == ["cancelled"]


async def test_a_request_with_another_document_is_a_dead_letter(evaluator: Evaluator) -> None:
    await evaluator.deliver(requested(digest=BASELINE.digest), requested())
    assert len(await evaluator.evaluations()) == 1
    (letter,) = await evaluator.rows("SELECT * FROM evaluator.dead_letters")
    assert "document has another digest" in letter.detail


async def test_an_evaluation_that_cannot_go_on_does_not_stop_others(evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(10))
    await evaluator.deliver(requested())
    await evaluator.service.advance_all()
    async with evaluator.engine.begin() as conn:
        await conn.exec_driver_sql("UPDATE evaluator.evaluations SET dataset_digest = 'gone'")
    await evaluator.answer(await evaluator.lease(100), better)
    evaluator.clock.advance(timedelta(seconds=1))
    await evaluator.deliver(requested())
    await evaluator.run_to_end(better)
    assert [row.state for row in await evaluator.evaluations()] == ["running", "completed"]


async def test_old_tasks_are_deleted_and_reports_are_kept(evaluator: Evaluator) -> None:
    from evaluator.maintenance import TASKS_KEPT, delete_old_tasks

    await evaluator.publish(golden_set(10))
    await evaluator.deliver(requested())
    await evaluator.run_to_end(better)
    await delete_old_tasks(evaluator.store, evaluator.clock)
    assert len(await evaluator.rows("SELECT 1 FROM evaluator.evaluation_tasks")) == 20
    evaluator.clock.advance(TASKS_KEPT + timedelta(seconds=1))
    await delete_old_tasks(evaluator.store, evaluator.clock)
    assert await evaluator.rows("SELECT 1 FROM evaluator.evaluation_tasks") == []
    assert len(await evaluator.reports()) == 1
