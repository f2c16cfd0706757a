"""Proposals of fixes and example sets: base, result, evidence and rollback."""

from dataclasses import replace

import pytest

from proposer.domain.acceptance import VersionMeasurement
from proposer.domain.fix_drafts import Draft, draft_fix
from proposer.domain.model import PromptState
from proposer.domain.proposals import draft_example_proposals, draft_fix_proposal, to_event
from ratchet.prompt import example_set_digest, parse, with_slot
from shared.events import derived_id
from shared.events.quality import Measurement
from tests.support.proposer import KEY, candidate, cause, prompt, regression, selected, slotted

GOOD, BAD = prompt("a", "b", "c"), prompt("a", "c", "d")
STATE = PromptState(KEY, "bot")
FELL = regression(cause(GOOD.digest, BAD.digest))
CHOSEN = tuple(candidate(number) for number in range(5))


def fix() -> Draft:
    found = draft_fix(FELL, {GOOD.digest: GOOD, BAD.digest: BAD}, None)
    assert isinstance(found, Draft)
    return found


def test_fix_is_bound_to_its_base() -> None:
    event = to_event(draft_fix_proposal(FELL, fix()))
    assert (event.base_digest, event.rollback_digest) == (BAD.digest, BAD.digest)
    assert parse(event.document).digest == event.digest
    assert parse(event.rollback) == BAD
    assert event.evidence.regression_id == FELL.regression_id
    assert event.evidence.execution_ids == ("e1", "e2")
    assert event.evidence.summary == (
        "Restores 1 removed line; keeps what was added. Drafted by a rule, without comparing answers. "
        "thumb of bot went from 90.0 % (n=500) to 70.0 % (n=120), −20.0 pp; It changed."
    )
    assert "+  b" in event.diff
    assert event.acceptance[0].metric == "thumb"


def test_the_summary_names_the_unit_and_other_changes() -> None:
    model = cause("a", "b", kind="model")
    slow = regression(
        *FELL.causes, model, metric="latency_ms", direction="lower_is_better", delta_pp=-31.0, certain=False
    )
    summary = to_event(draft_fix_proposal(slow, fix())).evidence.summary
    assert "+31.0 %" in summary
    assert summary.endswith("Other changes came at the same time: model.")


def test_equal_fixes_of_a_regression_have_one_id() -> None:
    again = regression(*FELL.causes, revision=2, delta_pp=-21.0)
    other = regression(*FELL.causes, regression_id=derived_id("regression", "2"))
    first = draft_fix_proposal(FELL, fix()).proposal
    assert draft_fix_proposal(again, fix()).proposal.content_id == first.content_id
    assert draft_fix_proposal(other, fix()).proposal.content_id != first.content_id


def test_each_round_of_a_proposal_has_its_own_id() -> None:
    first = draft_fix_proposal(FELL, fix()).proposal
    assert first.id == first.content_id
    assert len({replace(first, round=n).id for n in range(3)}) == 3


def test_examples_are_put_into_the_slot() -> None:
    base = slotted()
    (draft,) = draft_example_proposals(STATE, base, selected(*CHOSEN), ())
    event = to_event(draft)
    digest = example_set_digest([{"input": c.input, "output": c.output} for c in CHOSEN])
    assert parse(event.document) == with_slot(base, "examples", digest)
    (examples,) = event.example_sets
    assert (examples.slot, examples.digest) == ("examples", digest)
    assert [e.feedback_id for e in examples.examples] == [c.feedback_id for c in CHOSEN]
    assert event.kind == "few_shot"
    assert not any(text in event.evidence.summary for c in CHOSEN for text in (c.input, c.output))


@pytest.mark.parametrize(("count", "summary"), [(1, "1 answer that"), (2, "2 answers that")])
def test_the_number_of_answers_is_in_the_summary(count: int, summary: str) -> None:
    (draft,) = draft_example_proposals(STATE, slotted(), selected(*CHOSEN[:count]), ())
    assert draft.evidence.summary.startswith(summary)


def test_slot_gets_no_more_examples_than_declared() -> None:
    base = slotted(slots={"examples": {"max": 2}})
    (draft,) = draft_example_proposals(STATE, base, selected(*CHOSEN), ())
    assert len(draft.example_sets[0].examples) == 2


def test_nothing_is_drafted_without_slots_or_examples_or_a_change() -> None:
    base = slotted()
    (draft,) = draft_example_proposals(STATE, base, selected(*CHOSEN), ())
    assert not list(draft_example_proposals(STATE, prompt("a"), selected(*CHOSEN), ()))
    assert not list(draft_example_proposals(STATE, base, selected(), ()))
    assert not list(draft_example_proposals(STATE, draft.result, selected(*CHOSEN), ()))


def test_set_shrinks_only_if_a_live_example_is_at_fault() -> None:
    state = replace(STATE, live_examples={"examples": 5})
    gone = CHOSEN[4].example_digest
    assert not list(draft_example_proposals(state, slotted(), selected(*CHOSEN[:4]), ()))
    (draft,) = draft_example_proposals(state, slotted(), selected(*CHOSEN[:4], faults={gone: "low_rating"}), ())
    assert draft.evidence.example_set is not None
    assert [(r.digest, r.reason) for r in draft.evidence.example_set.removed] == [(gone, "low_rating")]


def test_another_order_of_the_live_examples_is_no_change() -> None:
    live = frozenset(c.example_digest for c in CHOSEN)
    state = replace(STATE, live_examples={"examples": 5}, live_example_digests=live)
    base = with_slot(slotted(), "examples", "sha256:" + "0" * 64)
    assert not list(draft_example_proposals(state, base, selected(*reversed(CHOSEN)), ()))


def test_evidence_measures_the_examples_of_the_slot() -> None:
    corrected = replace(CHOSEN[0], corrected=True)
    chosen = (corrected, replace(CHOSEN[1], approved=True), *CHOSEN[2:])
    (draft,) = draft_example_proposals(STATE, slotted(slots={"examples": {"max": 3}}), selected(*chosen), ())
    found = draft.evidence.example_set
    assert found is not None
    assert (found.embedder, found.questions) == ("hashed-ngrams/1", 5)
    assert [e.origin for e in found.examples] == ["corrected", "approved", "liked"]
    assert sum(e.represents for e in found.examples) == pytest.approx(1, abs=0.01)
    assert found.diversity is not None
    assert found.representativeness is not None
    assert 0 < found.diversity < 1
    assert 0 < found.representativeness <= 1
    assert found.tokens == sum(c.tokens for c in chosen[:3])


def test_measured_metrics_are_the_criteria_of_an_example_set() -> None:
    measured = VersionMeasurement("thumb", "higher_is_better", Measurement(n=300, mean=0.8, low=0.7, high=0.9))
    (draft,) = draft_example_proposals(STATE, slotted(), selected(*CHOSEN), [measured])
    assert [c.metric for c in draft.acceptance] == ["thumb"]
