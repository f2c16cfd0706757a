"""Entries of the execution log: the revisions of an execution merge in any order, and bodies keep everything."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.domain.execution_filter import contains_folded_text
from collector.domain.log_entries import feedback_metric, merge, pack, unpack, versions_of
from collector.domain.model import key_hash
from shared.events.base import execution_reference
from shared.events.feedback import ExecutionFacts, ExecutionRecorded, FeedbackCreated, PromptUse, Usage

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WORDS = st.text("ab√\x1f\U0001f600", min_size=1, max_size=4)
WHOLE: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "contexts": st.lists(WORDS, min_size=1, max_size=2), "tools": st.lists(WORDS, min_size=1, max_size=2),
        "parameters": st.dictionaries(WORDS, WORDS), "cost": st.floats(0, 9), "latency_ms": st.floats(0, 9),
        "scores": st.dictionaries(WORDS, st.floats(-1, 1)),
        "usage": st.dictionaries(st.sampled_from(["input_tokens", "output_tokens"]), st.integers(0, 9)),
    },
)  # fmt: skip
_DIVIDED = ("scores", "usage")


def event(revision: int = 1, **fields: Any) -> ExecutionRecorded:
    facts = ExecutionFacts(execution_id="e", occurred_at=NOW, output="done" if revision > 1 else None)
    received = NOW + timedelta(seconds=revision)
    names = {"project": "p", "environment": "production", "target": "t", "received_at": received}
    return ExecutionRecorded.model_validate({**names, "facts": facts, "revision": revision, **fields})


@given(WHOLE, st.data())
def test_revisions_merge_in_any_order(whole: dict[str, Any], data: st.DataObject) -> None:
    parts: list[dict[str, Any]] = [{} for _ in range(3)]
    for name, value in whole.items():
        for key in value if name in _DIVIDED else [None]:
            part = parts[data.draw(st.integers(0, 2))]
            part.update({name: value} if key is None else {name: {**part.get(name, {}), key: value[key]}})
    revisions = [event(number, **part, completes=("x",)) for number, part in enumerate(parts, 1)]
    merged = reduce(merge, data.draw(st.permutations(revisions)))
    assert merged == event(3, **whole, received_at=NOW + timedelta(seconds=1))


@given(WHOLE)
def test_packed_event_is_unpacked_as_it_was(whole: dict[str, Any]) -> None:
    assert unpack(pack(event(**whole))) == event(**whole)


def test_reference_is_that_of_the_recorded_execution() -> None:
    assert execution_reference("p", "e", "1").bytes == key_hash("p", "e", "execution", "1")


def test_versions_are_digests_and_labels_once() -> None:
    uses = (PromptUse(name="a", digest="sha256:1", version="7"), PromptUse(name="b", version="7"), PromptUse(name="c"))
    facts = ExecutionFacts(execution_id="e", occurred_at=NOW, prompts=uses)
    assert versions_of(event(facts=facts)) == ["sha256:1", "7"]


def test_metric_of_a_feedback() -> None:
    def metric(**fields: Any) -> str | None:
        names = {"project": "p", "environment": "e", "target": "t", "feedback_id": "0" * 32}
        return feedback_metric(
            FeedbackCreated.model_validate({**names, "occurred_at": NOW, "received_at": NOW, **fields})
        )

    assert metric(kind="thumb") == "thumb"
    assert metric(kind="score", name="helpful") == "score.helpful"
    assert metric(kind="thumb", source="implicit") == "implicit.thumb"
    assert metric(kind="comment") is metric(kind="correction") is None


def test_text_is_searched_in_input_output_and_contexts_without_case() -> None:
    facts = ExecutionFacts(execution_id="e", occurred_at=NOW, input="Große Frage", attributes={"x": "hidden"})
    found = event(facts=facts, contexts=("Zwei\nZeilen",), usage=Usage(input_tokens=1))
    assert [contains_folded_text(found, wanted) for wanted in ("grosse", "i\nz", "hidden")] == [True, True, False]
