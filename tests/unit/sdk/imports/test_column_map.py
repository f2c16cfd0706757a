"""Columns become fields: by their names, by options, by a file."""

from pathlib import Path

import pytest

from ratchet.imports.column_map import ColumnMapping, parse_pairs, read_mapping_file, resolve_mapping
from ratchet.imports.record_fields import EXECUTION, FEEDBACK, NAMED, SYNONYMS, cell_kind, detect_field
from ratchet.tables import BadFile

BOT = {"target": "bot"}


def test_columns_named_like_fields_are_used() -> None:
    header = ["Input", "answer", "scores.faithfulness", "feedback.score.tone", "Created At", "colour"]
    found = resolve_mapping(header, ColumnMapping(constants=BOT))
    assert found.columns == {
        "input": "Input",
        "output": "answer",
        "scores.faithfulness": "scores.faithfulness",
        "feedback.score.tone": "feedback.score.tone",
        "occurred_at": "Created At",
    }


def test_only_columns_with_objects_hold_several_values() -> None:
    header = ["input", "usage", "scores", "attributes"]
    given = ColumnMapping({"attributes.plan": "attributes.tariff"}, BOT)
    found = resolve_mapping(header, given, objects=["usage", "attributes"])
    assert found.columns == {"input": "input", "usage": "usage", "attributes.plan": "attributes.tariff"}


def test_a_given_column_takes_precedence_over_a_name() -> None:
    found = resolve_mapping(["input", "question"], ColumnMapping({"input": "question"}, BOT))
    assert found.columns == {"input": "question"}


def test_a_column_given_for_one_field_is_not_used_for_its_own_name() -> None:
    found = resolve_mapping(["input", "output"], ColumnMapping({"attributes.raw": "input"}, BOT))
    assert found.columns == {"output": "output", "attributes.raw": "input"}


@pytest.mark.parametrize(
    ("header", "given", "reason"),
    [
        (["a"], ColumnMapping({"inputs": "a"}, BOT), "'inputs' must be one of id, "),
        (["a"], ColumnMapping({"input": "b"}, BOT), "input is mapped to 'b', but the columns are a"),
        (["input"], ColumnMapping(), "the target is missing"),
        (["colour"], ColumnMapping(constants=BOT), "no column is used"),
        (["execution_id", "input"], ColumnMapping(), "a file with execution_id needs feedback"),
        (["input"], ColumnMapping({"input": "input"}, {"input": "x", **BOT}), "both a column and a value"),
        (["input"], ColumnMapping({"scores.": "input"}, BOT), "'scores.' must be one of"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused(header: list[str], given: ColumnMapping, reason: str) -> None:
    with pytest.raises(BadFile, match=reason.replace("(", r"\(")):
        resolve_mapping(header, given)


def test_feedback_about_earlier_executions_needs_no_target() -> None:
    found = resolve_mapping(["execution_id", "rating"], ColumnMapping())
    assert found.columns == {"execution_id": "execution_id", "feedback.rating": "rating"}


def test_every_synonym_is_a_field() -> None:
    for synonym in SYNONYMS:
        found = detect_field(synonym)
        assert found is not None
        assert cell_kind(found)


def test_every_field_is_detected_by_its_own_name() -> None:
    for name in (*EXECUTION, *FEEDBACK, *(f"{family}.x" for family in NAMED)):
        assert detect_field(name) == name


def test_a_mapping_file_has_columns_and_constants(tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    file.write_text(
        '[columns]\ninput = "q"\nfeedback.thumb = "liked"\n[constants]\ntarget = "bot"\nconsent.learning = true\n'
    )
    found = read_mapping_file(file)
    assert found.columns == {"input": "q", "feedback.thumb": "liked"}
    assert found.constants == {"target": "bot", "consent.learning": "yes"}


@pytest.mark.parametrize("text", ["[column]\na='b'", "columns = 1", "[columns]\na = [1]", "not toml"])
def test_a_mapping_file_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "map.toml"
    file.write_text(text)
    with pytest.raises(BadFile, match=r"map\.toml"):
        read_mapping_file(file)


def test_pairs_are_parsed() -> None:
    assert parse_pairs("--map", ["input = q=1"]) == {"input": "q=1"}
    for wrong in (["input"], ["=q"], ["input="], ["a=1", "a=2"]):
        with pytest.raises(BadFile, match="--map"):
            parse_pairs("--map", wrong)
