"""Example sets: from positive feedback to proposals, and their withdrawal."""

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from proposer.domain.candidate_eligibility import CANDIDATE_WINDOW
from proposer.domain.set_replacement import QUIET_FOR, SETTLED_AFTER
from proposer.domain.tuning_settings import MAX_EXAMPLES, TuningSettings
from proposer.storage.tuning_settings import TuningSettingsRepository
from ratchet.prompt import Prompt, example_digest, parse, with_slot
from shared.events.evaluation import EvaluationCompleted
from shared.events.feedback import FeedbackCreated
from shared.events.metrics import DeclaredMetric, MetricDeclared
from shared.events.promotion import PromptLive
from shared.events.proposals import ProposalDecided, ProposalReady
from shared.events.quality import Measurement, QualityMeasured, Window
from tests.support.proposer import NOW, execution, feedback, instead_of, live, prompt, slotted
from tests.support.proposer_service import Proposer

BASE = slotted()


def inputs(ready: ProposalReady) -> list[str]:
    """Return the inputs of the proposed examples."""
    return [example.input for example in ready.example_sets[0].examples]


def questions(*numbers: int) -> list[str]:
    return [f"Question {number}?" for number in numbers]


def disliked(number: int, about: int, **fields: Any) -> FeedbackCreated:
    """Return a later thumb down about the execution with the number `about`."""
    return feedback(number, value=0.0, execution=execution(about), **fields)


def went_live(ready: ProposalReady, sequence: int) -> PromptLive:
    """Deliver the event that the proposal went live with its examples."""
    examples = {s.slot: tuple({"input": e.input, "output": e.output} for e in s.examples) for s in ready.example_sets}
    return live(parse(ready.document), sequence, examples=examples)


async def proposed(proposer: Proposer, *numbers: int) -> ProposalReady:
    """Deliver these feedbacks while `BASE` is live. Return the proposed set."""
    await proposer.deliver(live(BASE))
    await proposer.deliver(*(feedback(number) for number in numbers))
    (ready,) = await proposer.drain_emitted()
    assert isinstance(ready, ProposalReady)
    return ready


def evaluated(ready: ProposalReady, **fields: Any) -> EvaluationCompleted:
    """Return the event that the evaluation of a proposal ended."""
    return EvaluationCompleted(
        project="acme", environment="production", target="bot", evaluation_id=ready.proposal_id,
        proposal_id=ready.proposal_id, name="answer", base_digest=ready.base_digest, digest=ready.digest,
        verdict="pass", reason="not worse", report_digest="sha256:r", dataset="golden", dataset_digest="sha256:d",
        cases=100, excluded=0, difference=0.0, low=-0.03, high=0.03, completed_at=NOW, **fields,
    )  # fmt: skip


async def proposed_then_better(proposer: Proposer) -> ProposalReady:
    """Propose five examples that were rated 4.5, then select better ones, which don't replace them yet."""
    await proposer.deliver(live(BASE))
    await proposer.deliver(*(feedback(n, kind="rating", value=4.5) for n in range(1, 6)))
    (first,) = await proposer.drain_emitted()
    await proposer.deliver(*(feedback(n) for n in range(6, 60)))
    assert await proposer.drain_emitted() == []
    assert isinstance(first, ProposalReady)
    return first


async def test_liked_answers_are_proposed_for_the_slot(proposer: Proposer) -> None:
    ready = await proposed(proposer, 1, 2, 3)
    assert inputs(ready) == questions(1, 2, 3)
    assert ready.base_digest == BASE.digest
    assert parse(ready.document) == with_slot(BASE, "examples", ready.example_sets[0].digest)


async def test_better_set_supersedes_and_full_set_stays(proposer: Proposer) -> None:
    first = await proposed(proposer, 1)
    await proposer.deliver(*(feedback(number) for number in range(2, 7)))
    gone, second = await proposer.drain_emitted()
    assert (gone.proposal_id, gone.reason) == (first.proposal_id, "superseded")
    assert inputs(second) == questions(1, 2, 3, 4, 5)
    await proposer.deliver(*(feedback(number) for number in range(7, 50)))
    assert await proposer.drain_emitted() == []


async def test_a_set_that_grows_is_proposed_again_when_no_answer_has_entered_it_for_a_minute(
    proposer: Proposer,
) -> None:
    await proposer.deliver(live(BASE))
    await proposer.deliver(feedback(1, occurred_at=NOW, received_at=NOW))
    (first,) = await proposer.drain_emitted()
    await proposer.deliver(evaluated(first))
    for number in (2, 3):
        proposer.clock.advance(timedelta(seconds=10))
        at = proposer.clock.now()
        await proposer.deliver(feedback(number, occurred_at=at, received_at=at))
    proposer.clock.advance(QUIET_FOR - timedelta(seconds=1))
    await proposer.expire()
    assert await proposer.drain_emitted() == []
    proposer.clock.advance(timedelta(seconds=1))
    await proposer.expire()
    gone, second = await proposer.drain_emitted()
    assert (gone.proposal_id, gone.reason) == (first.proposal_id, "superseded")
    assert sorted(inputs(second)) == sorted(questions(1, 2, 3))
    await proposer.expire()
    assert await proposer.drain_emitted() == []


async def test_batch_with_better_candidates_makes_one_proposal(proposer: Proposer) -> None:
    await proposer.deliver(live(BASE))
    await proposer.deliver(*(feedback(n, kind="rating", value=4.5) for n in range(1, 6)))
    (first,) = await proposer.drain_emitted()
    await proposer.deliver(evaluated(first))
    await proposer.deliver(*(feedback(n) for n in range(6, 60)))
    gone, second = await proposer.drain_emitted()
    assert gone.proposal_id == first.proposal_id
    assert {example.score for example in second.example_sets[0].examples} == {1.0}


async def test_set_that_is_evaluated_waits_for_its_verdict(proposer: Proposer) -> None:
    first = await proposed_then_better(proposer)
    await proposer.deliver(evaluated(first, drafted=True))
    assert await proposer.drain_emitted() == [], "the verdict is about a candidate"
    await proposer.deliver(evaluated(first))
    gone, second = await proposer.drain_emitted()
    assert (gone.proposal_id, gone.reason) == (first.proposal_id, "superseded")
    assert {example.score for example in second.example_sets[0].examples} == {1.0}


async def test_set_without_a_verdict_waits_ten_minutes(proposer: Proposer) -> None:
    first = await proposed_then_better(proposer)
    proposer.clock.advance(SETTLED_AFTER - timedelta(seconds=1))
    await proposer.expire()
    assert await proposer.drain_emitted() == []
    proposer.clock.advance(timedelta(seconds=2))
    await proposer.expire()
    gone, second = await proposer.drain_emitted()
    assert (gone.proposal_id, gone.reason) == (first.proposal_id, "superseded")
    assert second.base_digest == first.base_digest


async def test_objection_to_an_example_that_is_only_proposed_replaces_it(proposer: Proposer) -> None:
    await proposed_then_better(proposer)
    (chosen,) = await proposer.rows("SELECT chosen FROM proposer.prompts")
    (row,) = await proposer.rows("SELECT members FROM proposer.proposals")
    assert set(row.members).isdisjoint(chosen.chosen), "the selection has moved on"
    await proposer.deliver(disliked(200, about=1))
    gone, ready = await proposer.drain_emitted()
    assert (gone.reason, "Question 1?" in inputs(ready)) == ("superseded", False)


async def test_answers_below_the_rating_for_real_time_wait_for_a_batch(proposer: Proposer) -> None:
    await proposer.deliver(live(BASE))
    await proposer.deliver(*(feedback(n, kind="rating", value=4.25) for n in range(5)))
    assert await proposer.drain_emitted() == []


async def test_later_objection_removes_an_example(proposer: Proposer) -> None:
    await proposed(proposer, *range(1, 7))
    await proposer.deliver(disliked(20, about=2))
    gone, ready = await proposer.drain_emitted()
    assert gone.reason == "superseded"
    assert inputs(ready) == questions(1, 3, 4, 5, 6)


async def test_objection_that_arrives_before_the_approval_counts(proposer: Proposer) -> None:
    await proposer.deliver(live(BASE))
    await proposer.deliver(disliked(20, about=1))
    await proposer.deliver(feedback(1), feedback(2))
    (ready,) = await proposer.emitted()
    assert inputs(ready) == questions(2)


async def test_approval_after_an_objection_counts(proposer: Proposer) -> None:
    await proposer.deliver(live(BASE))
    await proposer.deliver(disliked(1, about=1, user="ada"))
    again = feedback(20, execution=execution(1), user="ada", replaces=instead_of(1, value=0.0))
    await proposer.deliver(again)
    (ready,) = await proposer.emitted()
    assert inputs(ready) == questions(1)


async def test_replaced_feedback_is_removed_and_its_successor_added(proposer: Proposer) -> None:
    await proposed(proposer, 1)
    lower = feedback(20, kind="rating", value=4.5, execution=execution(1), replaces=instead_of(1, value=5.0))
    await proposer.deliver(lower)
    pool = await proposer.rows("SELECT chosen FROM proposer.prompts")
    assert pool == [([lower.feedback_id],)]
    assert await proposer.drain_emitted() == [], "the text is the same: the set has not changed"


async def test_correction_replaces_the_answer(proposer: Proposer) -> None:
    await proposed(proposer, 1)
    better = feedback(20, kind="correction", value=None, text="A better answer.", execution=execution(1))
    await proposer.deliver(better)
    gone, ready = await proposer.drain_emitted()
    assert gone.reason == "superseded"
    assert [e.output for e in ready.example_sets[0].examples] == ["A better answer."]


async def test_empty_set_is_withdrawn_and_may_be_proposed_again(proposer: Proposer) -> None:
    first = await proposed(proposer, 1)
    await proposer.deliver(disliked(20, about=1))
    (gone,) = await proposer.drain_emitted()
    assert (gone.proposal_id, gone.reason) == (first.proposal_id, "evidence_withdrawn")
    await proposer.deliver(feedback(30, execution=execution(1)))
    (again,) = await proposer.drain_emitted()
    assert again.proposal_id != first.proposal_id
    assert again.digest == first.digest


async def test_one_user_gets_one_example_whoever_votes(proposer: Proposer) -> None:
    await proposer.deliver(live(BASE))
    await proposer.deliver(*(feedback(n, user=f"sybil-{n}", execution=execution(n, user="eve")) for n in range(600)))
    await proposer.deliver(feedback(1000))
    own, other = inputs((await proposer.emitted())[-1])
    assert (own in questions(*range(600)), other) == (True, "Question 1000?")
    async with proposer.engine.begin() as conn:
        await conn.exec_driver_sql("UPDATE proposer.candidates SET score = 0.9 WHERE input = $1", (own,))
    await proposer.expire()
    kept = {row[0] for row in await proposer.rows("SELECT input FROM proposer.candidates WHERE contributor = 'eve'")}
    assert (len(kept), own in kept) == (21, True), "the best 20, and the member of the set, whatever its rank"


async def test_candidates_that_need_a_person_come_last(proposer: Proposer) -> None:
    await proposer.deliver(live(BASE))
    public = [feedback(n, key_scope="browser-ingest", occurred_at=NOW - timedelta(days=20)) for n in range(60)]
    await proposer.deliver(*public)
    (first,) = await proposer.drain_emitted()
    assert inputs(first) == questions(0), "fifty votes of a public key give one candidate, which needs a person"
    await proposer.deliver(feedback(100), feedback(101, kind="correction", value=None, text="Better."))
    gone, second = await proposer.drain_emitted()
    assert (gone.reason, inputs(second)) == ("superseded", questions(100)), "a grant may cover this one"
    await proposer.deliver(went_live(second, 2))
    (third,) = await proposer.drain_emitted()
    assert inputs(third) == questions(100, 101, 0)
    assert [e.grant_eligible for e in third.example_sets[0].examples] == [True, False, False]


async def test_candidates_from_before_the_eligibility_columns_are_deleted(proposer: Proposer) -> None:
    await proposed(proposer, 1)
    async with proposer.engine.begin() as conn:
        await conn.exec_driver_sql("UPDATE proposer.candidates SET received_at = to_timestamp(0)")  # as 0003 does
    await proposer.expire()
    (gone,) = await proposer.drain_emitted()
    assert gone.reason == "evidence_withdrawn"


async def test_each_input_has_one_example(proposer: Proposer) -> None:
    await proposer.deliver(live(BASE))
    same = [feedback(n, execution=execution(n, input=text)) for n, text in enumerate(["Why?", " why? ", "WHY?\u200b"])]
    await proposer.deliver(*same, feedback(9))
    assert inputs((await proposer.emitted())[-1]) == ["Why?", "Question 9?"]


async def test_rejected_set_is_not_proposed_again(proposer: Proposer) -> None:
    ready = await proposed(proposer, 1)
    await proposer.deliver(
        ProposalDecided(
            project="acme", environment="production", target="bot", proposal_id=ready.proposal_id, revision=2,
            verdict="rejected", name="answer", digest=ready.digest, by="ada",
        )
    )  # fmt: skip
    await proposer.deliver(live(BASE, 2))
    assert await proposer.drain_emitted() == []
    await proposer.deliver(feedback(2))
    assert inputs((await proposer.emitted())[0]) == questions(1, 2)


async def test_live_set_is_the_base_of_the_next(proposer: Proposer) -> None:
    first = await proposed(proposer, 1)
    await proposer.deliver(went_live(first, 2))
    assert await proposer.drain_emitted() == []
    await proposer.deliver(feedback(2))
    (second,) = await proposer.drain_emitted()
    assert second.base_digest == first.digest
    assert inputs(second) == questions(1, 2)


async def test_objection_to_a_live_example_proposes_a_smaller_set(proposer: Proposer) -> None:
    first = await proposed(proposer, 1, 2, 3)
    await proposer.deliver(went_live(first, 2))
    await proposer.deliver(disliked(20, about=2))
    (ready,) = await proposer.drain_emitted()
    assert inputs(ready) == questions(1, 3)


async def test_age_alone_does_not_shrink_the_live_set(proposer: Proposer) -> None:
    first = await proposed(proposer, 1, 2, 3)
    await proposer.deliver(went_live(first, 2))
    proposer.clock.advance(CANDIDATE_WINDOW)
    await proposer.expire()
    assert await proposer.rows("SELECT chosen FROM proposer.prompts") == [([],)]
    assert await proposer.drain_emitted() == []


async def test_expired_candidates_are_removed_from_an_open_proposal(proposer: Proposer) -> None:
    first = await proposed(proposer, 1)
    young = feedback(2, occurred_at=NOW, received_at=NOW)
    await proposer.deliver(young)
    assert await proposer.drain_emitted() == [], "the set still grows"
    proposer.clock.advance(CANDIDATE_WINDOW - timedelta(minutes=30))
    await proposer.expire()
    gone, ready = await proposer.drain_emitted()
    assert (gone.proposal_id, gone.reason) == (first.proposal_id, "superseded")
    assert inputs(ready) == questions(2)


async def test_revoked_example_is_not_proposed_again(proposer: Proposer) -> None:
    first = await proposed(proposer, 1, 2)
    await proposer.deliver(went_live(first, 2))
    kept = first.example_sets[0].examples[1]
    left = {"examples": ({"input": kept.input, "output": kept.output},)}
    await proposer.deliver(live(slotted(model="m"), 3, reason="example_revoked", examples=left))
    assert inputs((await proposer.drain_emitted())[-1]) == questions(2)
    await proposer.deliver(feedback(30, execution=execution(1)), feedback(31))
    assert inputs((await proposer.drain_emitted())[-1]) == questions(2, 31)
    banned = await proposer.rows("SELECT example_digest FROM proposer.revoked_examples")
    assert banned == [(example_digest({"input": "Question 1?", "output": "Answer 1."}),)]


async def test_candidates_wait_for_a_slot_and_a_document(proposer: Proposer) -> None:
    await proposer.deliver(feedback(1))
    await proposer.deliver(live(prompt("No slot.")))
    assert await proposer.drain_emitted() == []
    await proposer.deliver(live(BASE, 2))
    (ready,) = await proposer.drain_emitted()
    assert inputs(ready) == questions(1)


async def test_another_live_document_replaces_the_proposal(proposer: Proposer) -> None:
    first = await proposed(proposer, 1)
    other: Prompt = slotted(model="other")
    await proposer.deliver(live(other, 2))
    gone, ready = await proposer.drain_emitted()
    assert (gone.proposal_id, gone.reason) == (first.proposal_id, "base_changed")
    assert ready.base_digest == other.digest


async def test_criteria_are_measurements_of_the_version_in_use(proposer: Proposer) -> None:
    measured = QualityMeasured(
        project="acme", environment="production", target="bot", prompt="answer", identity=BASE.digest,
        metric="thumb", direction="higher_is_better", window=Window(start=NOW, end=NOW),
        measurement=Measurement(n=200, mean=0.8, low=0.7, high=0.9),
    )  # fmt: skip
    hour_later = Window(start=NOW, end=NOW + timedelta(hours=1))
    better = Measurement(n=300, mean=0.9, low=0.8, high=1)
    later = measured.model_copy(update={"window": hour_later, "measurement": better})
    await proposer.deliver(later, measured)
    ready = await proposed(proposer, 1)
    assert [(c.metric, c.comparison, round(c.threshold, 6)) for c in ready.acceptance] == [("thumb", ">=", 0.85)]


async def test_two_instances_agree_on_one_set(engine: AsyncEngine) -> None:
    one, two = Proposer(engine), Proposer(engine)
    await one.deliver(live(BASE))
    batches = [[feedback(n, target=f"bot-{n % 2}") for n in range(start, start + 5)] for start in range(0, 40, 5)]
    await asyncio.gather(*((one, two)[i % 2].deliver(*batch) for i, batch in enumerate(batches)))
    open_now = await one.rows("SELECT digest FROM proposer.proposals WHERE state = 'open'")
    by_digest: dict[Any, ProposalReady] = {e.digest: e for e in await one.emitted() if isinstance(e, ProposalReady)}
    assert len(open_now) == 1
    assert len(inputs(by_digest[open_now[0].digest])) == MAX_EXAMPLES


def declaration(revision: int, **fields: Any) -> MetricDeclared:
    return MetricDeclared(
        project="acme", environment="production", metric="label", revision=revision, declared=DeclaredMetric(**fields),
        digest="sha256:", by="ann", key_id="k",
    )  # fmt: skip


async def test_latest_revision_of_declared_labels_decides(proposer: Proposer) -> None:
    words: dict[str, Any] = {"kind": "label", "value": None}
    await proposer.deliver(live(BASE))
    await proposer.deliver(declaration(2, labels={"wow": "good"}))
    await proposer.deliver(declaration(1, labels={"wow": "bad"}))
    await proposer.deliver(feedback(1, **words, label="Wow"), feedback(2, **words, label="hm"))
    (first,) = await proposer.drain_emitted()
    assert inputs(first) == questions(1)
    await proposer.deliver(declaration(3, labels={"wow": "bad"}))
    await proposer.deliver(feedback(3, **words, label="wow", execution=execution(1)))
    (gone,) = await proposer.drain_emitted()
    assert (gone.proposal_id, gone.reason) == (first.proposal_id, "evidence_withdrawn")
    await proposer.deliver(declaration(4))
    await proposer.deliver(feedback(4, **words, label="wow"))
    assert await proposer.drain_emitted() == []


async def test_live_example_whose_rating_is_too_low_now_is_removed(proposer: Proposer) -> None:
    await proposer.deliver(live(BASE))
    await proposer.deliver(feedback(1), feedback(2, kind="rating", value=4.5))
    (first,) = await proposer.drain_emitted()
    await proposer.deliver(went_live(first, 2))
    async with proposer.store.begin() as tx:
        settings = TuningSettings(realtime_min_rating=5.0, batch_min_rating=5.0)
        await TuningSettingsRepository(tx.conn).save("acme", "production", "bot", settings, "ann", NOW)
    await proposer.deliver(live(parse(first.document), 3, examples=went_live(first, 2).examples))
    ready = (await proposer.drain_emitted())[-1]
    assert inputs(ready) == questions(1)
    assert [removed.reason for removed in ready.evidence.example_set.removed] == ["low_rating"]


async def test_example_that_a_decision_brought_counts_as_approved(proposer: Proposer) -> None:
    first = await proposed(proposer, 1)
    await proposer.deliver(went_live(first, 2))
    await proposer.deliver(feedback(2))
    ready = (await proposer.drain_emitted())[-1]
    assert [example.origin for example in ready.evidence.example_set.examples] == ["approved", "liked"]


async def test_candidates_of_earlier_versions_get_their_vectors(proposer: Proposer) -> None:
    await proposed(proposer, 1)
    async with proposer.engine.begin() as conn:
        await conn.exec_driver_sql("UPDATE proposer.candidates SET embedder = NULL, embedding = NULL")
    await proposer.expire()
    await proposer.deliver(feedback(2))
    assert inputs((await proposer.drain_emitted())[-1]) == questions(1, 2)
