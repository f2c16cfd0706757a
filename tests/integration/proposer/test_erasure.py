"""Erasure of a user from the proposer: candidates, open proposals and messages with their texts."""

from uuid import UUID

from shared.events.erasure import ErasureCompleted, ErasureRequested
from tests.integration.proposer.test_examples import BASE, inputs, proposed, questions
from tests.support.erasure import tables_with
from tests.support.proposer import NOW, execution, feedback, live
from tests.support.proposer_service import Proposer

ERASURE = UUID(int=7)


def request(subject: str, erasure_id: UUID = ERASURE) -> ErasureRequested:
    return ErasureRequested(
        project="acme", environment="staging", erasure_id=erasure_id, subject=subject, by="ada", key_id="k",
        requested_at=NOW,
    )  # fmt: skip


async def hits(proposer: Proposer, *markers: str) -> dict[str, int]:
    return await tables_with(
        proposer.engine.url.render_as_string(hide_password=False).replace("+asyncpg", ""), *markers
    )


async def test_open_proposal_with_the_user_s_text_is_withdrawn_and_made_without_it(proposer: Proposer) -> None:
    await proposer.deliver(live(BASE))
    await proposer.deliver(*(feedback(number) for number in (1, 2, 3)))
    (first,) = await proposer.emitted()
    assert (await hits(proposer, "Question 2?")).keys() == {"proposer.candidates", "proposer.outbox"}
    await proposer.deliver(request("user-2"))
    assert (await hits(proposer, "Question 2?", "Answer 2.")) == {}
    gone, second, report = await proposer.emitted()
    assert (gone.proposal_id, gone.reason) == (first.proposal_id, "evidence_erased")
    assert inputs(second) == questions(1, 3)
    assert isinstance(report, ErasureCompleted)
    assert (report.erasure_id, report.service) == (ERASURE, "proposer")
    assert report.erased == {
        "candidates": 1,
        "proposals": 1,
        "failed_answers": 0,
        "outbox_messages": 1,
        "dead_letters": 0,
    }


async def test_user_with_the_only_example_leaves_no_proposal(proposer: Proposer) -> None:
    first = await proposed(proposer, 1)
    await proposer.deliver(request("user-1"))
    gone, _ = await proposer.emitted()
    assert (gone.proposal_id, gone.reason) == (first.proposal_id, "evidence_erased")
    assert await proposer.rows("SELECT id FROM proposer.proposals WHERE state = 'open'") == []


async def test_author_of_a_correction_is_erased_though_another_user_asked(proposer: Proposer) -> None:
    await proposed(proposer, 1)
    better = feedback(20, kind="correction", value=None, text="Zanzibarverse.", execution=execution(1), user="user-9")
    await proposer.deliver(better)
    assert (await hits(proposer, "Zanzibarverse")).keys() == {"proposer.candidates", "proposer.outbox"}
    await proposer.deliver(request("user-9"))
    assert await hits(proposer, "Zanzibarverse") == {}


async def test_late_feedback_about_the_user_is_dropped(proposer: Proposer) -> None:
    await proposer.deliver(live(BASE))
    await proposer.deliver(request("user-1"))
    await proposer.drain_emitted()
    await proposer.deliver(feedback(1), feedback(2), feedback(3, user="user-1", kind="correction", text="Mine."))
    (ready,) = await proposer.emitted()
    assert inputs(ready) == questions(2)
    assert await hits(proposer, "Question 1?", "Mine.") == {}


async def test_repeated_request_erases_nothing_more_and_reports_once(proposer: Proposer) -> None:
    await proposed(proposer, 1, 2)
    await proposer.deliver(request("user-1"))
    await proposer.drain_emitted()
    await proposer.deliver(request("user-1"))
    (report,) = await proposer.emitted()
    assert set(report.erased.values()) == {0}
