"""Golden cases drafted from executions."""

from typing import Any

import pytest

from ratchet.case_drafts import SIMILAR, SOURCES, CaseQuery, CaseSource, draft_case
from ratchet_evaluation.domain.cases import parse_case
from ratchet_evaluation.domain.contamination import origin_names
from ratchet_evaluation.domain.evaluators.catalog import check_case
from tests.unit.evaluation.test_training_data import ANN, execution, judgement

REFUSAL = {"name": "refusal"}


@pytest.mark.parametrize(
    ("query", "filters"),
    [
        (CaseQuery("thumb-down"), {"metric": "thumb", "max": 0}),
        (CaseQuery("low-rating"), {"metric": "rating", "max": 2.0}),
        (CaseQuery("correction"), {"feedback": "correction"}),
        (CaseQuery("low-score", "score.f", 0.5), {"metric": "score.f", "max": 0.5}),
        (CaseQuery("boundary", "score.f", 0.5, 0.25), {"metric": "score.f", "min": 0.25, "max": 0.75}),
        (CaseQuery("disagreement", "score.f", 0.5), {"metric": "score.f", "min": 0.5}),
    ],
)
def test_each_source_has_its_filters(query: CaseQuery, filters: dict[str, object]) -> None:
    assert query.filters() == filters


@pytest.mark.parametrize("source", ["low-score", "boundary", "disagreement"])
def test_scores_need_a_metric_and_a_limit(source: CaseSource) -> None:
    with pytest.raises(ValueError, match="needs a metric and a limit"):
        CaseQuery(source, "score.f").filters()


def test_only_what_people_did_not_like_disagrees_with_a_good_score() -> None:
    query = CaseQuery("disagreement", "score.f", 0.5)
    liked, disliked = (execution("e", judgement(kind="thumb", value=value)) for value in (1.0, 0.0))
    judged = execution("e", judgement(kind="thumb", value=0.0, source="judge"))
    assert [query.matches(each) for each in (liked, disliked, judged)] == [False, True, False]
    assert CaseQuery("thumb-down").matches(liked)


@pytest.mark.parametrize("source", SOURCES)
def test_case_is_valid_and_names_its_execution_and_user(source: CaseSource) -> None:
    drafted = draft_case(execution("e-1"), source, [REFUSAL])
    assert drafted is not None
    case = parse_case(drafted)
    check_case(case)
    assert (case.input, case.tags, case.user) == ("How long?", (f"from:{source}",), ANN)
    assert case.origin is not None
    assert origin_names(case.origin, "e-1")
    assert case.consent == {"quality": None, "learning": True}


def test_long_id_still_names_its_execution() -> None:
    drafted = draft_case(execution("x" * 200), "thumb-down", [REFUSAL])
    assert drafted is not None
    assert origin_names(str(parse_case(drafted).origin), "x" * 200)


def test_correction_is_the_reference_that_the_output_is_like() -> None:
    first, second = (judgement(i, kind="correction", preference=None, text=f"Text {i}.") for i in (1, 2))
    drafted = draft_case(execution("e", first, second), "correction")
    assert drafted is not None
    assert (drafted["reference"], drafted["evaluators"]) == ("Text 2.", [SIMILAR])
    check_case(parse_case(drafted))


def test_contexts_are_given_only_if_asked_for() -> None:
    contexts: Any = [{"id": "faq", "text": "30 days", "score": None}, {"id": "b", "text": None, "score": None}]
    found = execution("e", contexts=contexts)
    without, given = (draft_case(found, "thumb-down", [REFUSAL], each) for each in (False, True))
    assert without is not None
    assert given is not None
    assert "contexts" not in without
    assert given["contexts"] == [{"id": "faq", "text": "30 days"}]


@pytest.mark.parametrize(
    "fields", [{"input": None}, {"input": ""}, {"consent": {"quality": False}}, {"evaluators": []}]
)
def test_nothing_is_drafted_without_text_evaluator_or_consent(fields: dict[str, Any]) -> None:
    evaluators = fields.pop("evaluators", [REFUSAL])
    assert draft_case(execution("e", **fields), "thumb-down", evaluators) is None
