"""The page that proposes golden cases from executions."""

import html
import json
import re
from typing import Any

import pytest

from console.domain.case_choices import EVALUATIONS, SOURCES, evaluators_for
from ratchet.case_drafts import SOURCES as ALL_SOURCES
from ratchet_evaluation.domain.evaluators.catalog import check_case
from tests.support.console import FakeServices, console_client
from tests.support.evaluation import golden_case
from tests.unit.console.test_datasets import DATASET
from tests.unit.evaluation.test_training_data import execution, judgement

PATH = "/datasets/returns/propose"


@pytest.fixture
def with_executions(api: FakeServices) -> FakeServices:
    corrected = judgement(kind="correction", preference=None, text="It is <b>30</b> days.")
    api.answers |= {
        "/v1/datasets/returns": DATASET,
        "/v1/executions": {"items": [{"id": "e1"}, {"id": "e/2"}, {"id": "gone"}], "next": "more"},
        "/v1/executions/e1": execution("e1", input='Why "this"?'),
        "/v1/executions/e/2": execution("e/2", corrected, input="How <i>long</i>?"),
    }
    return api


async def shown(api: FakeServices, **asked: Any) -> str:
    async with console_client(api) as client:
        return (await client.get(PATH, params=asked)).text


def cases_in(page: str) -> list[dict[str, Any]]:
    return [json.loads(html.unescape(found)) for found in re.findall(r'data-type="json-list" value="([^"]*)"', page)]


def test_all_sources_are_offered() -> None:
    assert tuple(SOURCES) == ALL_SOURCES


@pytest.mark.parametrize("evaluation", EVALUATIONS)
def test_each_evaluation_is_valid(evaluation: str) -> None:
    check_case(golden_case(evaluators=evaluators_for(evaluation, "30 days"), reference="r"))


async def test_executions_are_offered_as_cases(with_executions: FakeServices) -> None:
    page = await shown(with_executions)
    assert with_executions.queries("/v1/executions") == [
        {"target": "bot <b>", "limit": "20", "metric": "thumb", "max": "0"}
    ]
    assert [case["origin"] for case in cases_in(page)] == ["execution:e1", "execution:e/2"]
    assert cases_in(page)[0]["input"] == 'Why "this"?'
    assert "How &lt;i&gt;long&lt;/i&gt;?" in page
    assert "Only the newest 2 are shown" in page


async def test_only_corrected_ones_are_compared_with_their_correction(with_executions: FakeServices) -> None:
    (case,) = cases_in(await shown(with_executions, source="correction", evaluation="similar"))
    assert (case["reference"], case["evaluators"][0]["name"]) == ("It is <b>30</b> days.", "similarity")


@pytest.mark.parametrize(
    ("asked", "note"),
    [
        ({"source": "boundary"}, "Name a score"),
        ({"evaluation": "contains"}, "Enter the text that a good answer contains"),
    ],
)
async def test_what_is_missing_is_said(with_executions: FakeServices, asked: dict[str, str], note: str) -> None:
    assert note in await shown(with_executions, **asked)
    assert with_executions.queries("/v1/executions") == []


async def test_who_may_not_tune_proposes_nothing(with_executions: FakeServices) -> None:
    with_executions.sign_in("read", role="viewer")
    page = await shown(with_executions)
    assert "Only makers and reviewers propose cases" in page
    assert "Propose the chosen cases" not in page
