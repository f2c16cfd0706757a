"""Rows become executions and feedback with ids that repeat."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet.imports.cell_readers import cell_reader
from ratchet.imports.record_fields import cell_kind
from ratchet.imports.rows import MappedColumn, RowConverter, UnreadableRow

NOW = datetime(2026, 11, 29, tzinfo=UTC)
ROW = {
    "input": "hi",
    "output": "hello",
    "occurred_at": "2026-11-01T10:00:00Z",
    "prompt": "answer",
    "version": "v2",
    "user": "u1",
    "cost": "0.002",
    "usage.input_tokens": 12,
    "scores.tone": 0.5,
    "attributes.lang": "de",
    "consent.learning": "yes",
    "feedback.thumb": "up",
    "feedback.label": "helpful",
    "feedback.score.tone": "0.25",
    "feedback.comment": "good",
}


def converter(row: dict[str, Any], **constants: Any) -> RowConverter:
    columns = [
        MappedColumn(name, (name,), cell_reader(cell_kind(name), name, [cell], zone=UTC, times=None, commas=False))
        for name, cell in row.items()
    ]
    return RowConverter(columns, constants)


def bodies(row: dict[str, Any], number: int = 2, **constants: Any) -> list[dict[str, Any]]:
    return [json.loads(item.encoded) for item in converter(row, **constants).convert(number, row, NOW)]


def test_a_row_may_have_a_preference_and_what_the_user_did() -> None:
    row = {
        "execution_id": "e1", "feedback.chosen": "better", "feedback.rejected": "worse", "feedback.copy": "no",
        "feedback.dwell": "1200", "feedback.requery": "yes", "feedback.continue": "no", "feedback.click.link": "1",
    }  # fmt: skip
    found = {body["kind"]: (body.get("value"), body.get("name")) for body in bodies(row)}
    assert found == {
        "preference": ({"chosen": "better", "rejected": "worse"}, None), "copy": (False, None), "dwell": (1200.0, None),
        "requery": (True, None), "click": (True, "link"),
    }  # fmt: skip


def test_a_row_is_an_execution_and_its_feedback() -> None:
    ran, *opinions = bodies(ROW, target="bot")
    assert {name: value for name, value in ran.items() if name != "id"} == {
        "target": "bot",
        "prompts": [{"name": "answer", "version": "v2"}],
        "input": "hi",
        "output": "hello",
        "occurred_at": "2026-11-01T10:00:00+00:00",
        "user": "u1",
        "cost": 0.002,
        "usage": {"input_tokens": 12},
        "scores": {"tone": 0.5},
        "attributes": {"lang": "de"},
        "consent": {"learning": True},
    }
    assert [(one["kind"], one["value"], one.get("name")) for one in opinions] == [
        ("thumb", True, None),
        ("label", "helpful", None),
        ("score", 0.25, "tone"),
        ("comment", "good", None),
    ]
    for opinion in opinions:
        assert opinion["execution_id"] == ran["id"]
        assert opinion["user"] == "u1"
        assert opinion["occurred_at"] == "2026-11-01T10:00:00+00:00"
        assert opinion["consent"] == {"learning": True}


def test_named_values_and_prompts_in_one_cell_are_taken_whole() -> None:
    prompts = [{"name": "answer", "digest": None, "version": "v2"}, {"name": "tone", "version": "v1"}]
    row = {
        "input": "hi", "prompts": prompts, "usage": {"input_tokens": 3, "total_tokens": None},
        "attributes": {"gen_ai.operation.name": "chat"}, "consent": {"quality": True, "learning": None},
        "scores": {"tone": 0.5}, "scores.style": 1, "parameters": {},
    }  # fmt: skip
    [ran] = bodies(row, target="bot")
    assert {name: ran.get(name) for name in ("prompts", "usage", "attributes", "consent", "scores", "parameters")} == {
        "prompts": [{"name": "answer", "version": "v2"}, {"name": "tone", "version": "v1"}],
        "usage": {"input_tokens": 3}, "attributes": {"gen_ai.operation.name": "chat"}, "consent": {"quality": True},
        "scores": {"tone": 0.5, "style": 1.0}, "parameters": None,
    }  # fmt: skip


@pytest.mark.parametrize(("column", "cell"), [("usage", 3), ("scores", [1]), ("prompts", "v1"), ("prompts", ["v1"])])
def test_a_cell_that_is_no_object_is_refused(column: str, cell: object) -> None:
    with pytest.raises(UnreadableRow, match=f"{column} is not"):
        bodies({"input": "hi", column: cell}, target="bot")


def test_a_version_without_a_prompt_belongs_to_the_target() -> None:
    [ran] = bodies({"input": "hi", "version": "v2"}, target="bot")
    assert ran["prompts"] == [{"name": "bot", "version": "v2"}]


def test_feedback_about_an_earlier_execution_has_no_execution() -> None:
    [opinion] = bodies({"execution_id": "e1", "feedback.rating": 5})
    assert (opinion["execution_id"], opinion["kind"], opinion["value"]) == ("e1", "rating", 5.0)


def test_an_own_id_is_kept() -> None:
    assert bodies({"id": 7.0, "input": "hi"}, target="bot")[0]["id"] == "7"


def test_equal_rows_of_a_file_are_different_executions() -> None:
    first, second = (bodies({"input": "hi", "feedback.thumb": "up"}, number, target="bot") for number in (2, 3))
    assert {one["id"] for one in first}.isdisjoint(one["id"] for one in second)


def test_a_row_without_cells_is_nothing() -> None:
    assert bodies({"input": "", "user": None}, target="bot") == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"input": "hi", "cost": "much"}, "cost is not a number: 'much'"),
        ({"input": "hi", "cost": "-1"}, "cost can't be sent"),
        ({"execution_id": "e1", "feedback.thumb": ""}, "has no feedback"),
        ({"execution_id": "", "feedback.thumb": "up"}, "execution_id is missing"),
    ],
)
def test_a_row_that_cannot_be_read_names_the_field(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnreadableRow, match=reason):
        bodies(row, target="bot")


def test_a_row_without_a_target_is_refused() -> None:
    with pytest.raises(UnreadableRow, match="target is missing"):
        bodies({"input": "hi", "target": ""})


def test_a_column_within_another_is_reached_by_its_path() -> None:
    column = MappedColumn("input", ("request", "messages"), lambda cell: cell)
    row = {"request": {"messages": [{"role": "user", "content": "hi"}]}}
    [item] = RowConverter([column], {"target": "bot"}).convert(1, row, NOW)
    assert json.loads(item.encoded)["input"] == [{"role": "user", "content": "hi"}]


@given(
    st.dictionaries(st.sampled_from(sorted(ROW)), st.text(max_size=8) | st.integers(), min_size=1), st.integers(1, 9)
)
def test_the_same_row_has_the_same_ids(row: dict[str, Any], number: int) -> None:
    try:
        first = bodies({**ROW, **row}, number, target="bot")
    except ValueError:
        return
    again = bodies({**ROW, **row}, number, target="bot")
    assert [one["id"] for one in first] == [one["id"] for one in again]
    assert len({one["id"] for one in first}) == len(first)
