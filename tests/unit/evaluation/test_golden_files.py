"""Files of golden cases: line and field of each error, and the manifest."""

import json
from pathlib import Path

import pytest

from ratchet_evaluation.domain.cases import EvaluatorSpec
from ratchet_evaluation.golden_files import SCHEMA, DatasetError, manifest_json, manifest_path, read_golden_set

_DEFAULT = (EvaluatorSpec("refusal", {}),)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return tmp_path / "cases.jsonl"


def test_cases_are_read(dataset: Path) -> None:
    dataset.write_bytes('\ufeff{"id": "a", "input": "é"}\r\n\n  \n{"id": "b", "variables": {"q": 1}}'.encode())
    golden_set, manifest = read_golden_set(dataset, _DEFAULT)
    assert [case.id for case in golden_set.cases] == ["a", "b"]
    assert manifest.name == "cases"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"input": "b", "expcted": 1}', "cases.jsonl line 2: expcted: is not a field"),
        ('{"input": "b"', "cases.jsonl line 2: case: is not valid JSON: Expecting ',' delimiter at column 14"),
        ('["b"]', "cases.jsonl line 2: case: must be an object"),
        ('{"input": "b", "input": "c"}', "cases.jsonl line 2: input: is a duplicate key"),
        ('{"input": NaN}', "cases.jsonl line 2: case: must not contain NaN"),
        ('{"input": 1e999}', "cases.jsonl line 2: input: must be a finite number"),
        ('{"input": "b", "id": "a"}', "cases.jsonl line 2: id: is the id of line 1"),
        ('{"input": "a"}', "cases.jsonl line 2: case: has the same content as line 1"),
        ('{"input": "b", "evaluators": ["exact"]}', "cases.jsonl line 2: expected: is missing: the evaluator exact"),
        ('{"input": ' + "[" * 100_000, "cases.jsonl line 2: case: is not valid JSON in UTF-8"),
    ],
    ids=lambda value: value[:30],
)  # fmt: skip
def test_a_malformed_line_is_refused_with_its_number_and_field(dataset: Path, line: str, message: str) -> None:
    dataset.write_text(f'{{"id": "a", "input": "a"}}\n{line}\n')
    with pytest.raises(DatasetError) as refused:
        read_golden_set(dataset, _DEFAULT)
    assert str(refused.value).startswith(message)


def test_bytes_that_are_no_text_are_refused(dataset: Path) -> None:
    dataset.write_bytes(b'{"input": "\xff"}')
    with pytest.raises(DatasetError, match="line 1: case: is not valid JSON in UTF-8"):
        read_golden_set(dataset, _DEFAULT)


def test_a_file_without_cases_is_refused(dataset: Path) -> None:
    dataset.write_text("\n")
    with pytest.raises(DatasetError, match="has no cases"):
        read_golden_set(dataset, _DEFAULT)


def test_a_circle_of_parents_is_refused(dataset: Path) -> None:
    dataset.write_text('{"id": "a", "input": "a", "parent": "a"}')
    with pytest.raises(DatasetError, match="parent: the case a is derived from itself"):
        read_golden_set(dataset, _DEFAULT)


@pytest.fixture
def described(dataset: Path) -> Path:
    """Return a file with a manifest that has the evaluators of its cases."""
    lines = ({"input": "a", "consent": {"learning": True}, "origin": "chat"}, {"input": "b", "protected": True})
    dataset.write_text("\n".join(map(json.dumps, lines)))
    about = {"name": "support", "licence": "CC0-1.0", "evaluators": ["refusal"]}
    manifest_path(dataset).write_text(json.dumps({"schema": SCHEMA, **about}))
    golden_set, manifest = read_golden_set(dataset)
    manifest_path(dataset).write_text(json.dumps(manifest_json(manifest, golden_set, dataset.read_bytes())))
    return dataset


def test_a_manifest_describes_the_set(described: Path) -> None:
    golden_set, manifest = read_golden_set(described)
    written = json.loads(manifest_path(described).read_text())
    assert (manifest.name, manifest.licence, manifest.evaluators) == ("support", "CC0-1.0", _DEFAULT)
    assert written["digest"] == golden_set.digest
    assert written["origins"] == {"chat": 1, "unknown": 1}
    assert written["consent"] == {"learning": {"yes": 1, "no": 0, "unknown": 1}}
    assert (written["cases"], written["protected"]) == (2, 1)


def test_a_file_that_is_not_the_manifests_is_refused(described: Path) -> None:
    described.write_text('{"input": "c"}\n')
    with pytest.raises(DatasetError, match=r"file: is not the digest of cases\.jsonl"):
        read_golden_set(described)


def test_a_manifest_of_other_evaluators_is_refused(described: Path) -> None:
    written = json.loads(manifest_path(described).read_text())
    manifest_path(described).write_text(json.dumps({**written, "evaluators": [{"name": "length", "max": 5}]}))
    with pytest.raises(DatasetError, match="digest: is not that of the cases"):
        read_golden_set(described)


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"schema": "x"}, "schema: must be"), ({"evaluators": ["nope"]}, r"evaluators\[0\].name"), ({"size": 1}, "size:")],
)
def test_a_malformed_manifest_is_refused(described: Path, fields: dict[str, object], message: str) -> None:
    written = json.loads(manifest_path(described).read_text())
    manifest_path(described).write_text(json.dumps({**written, **fields}))
    with pytest.raises(DatasetError, match=message):
        read_golden_set(described)
