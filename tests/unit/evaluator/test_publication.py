"""The files of a version are those that `ratchet dataset` and `ratchet eval` read."""

import json
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from evaluator.domain.dataset_publication import make_publication
from evaluator.domain.datasets import DatasetKey, GoldenDataset
from ratchet_evaluation.domain.cases import parse_case
from ratchet_evaluation.golden_files import manifest_path, read_golden_set
from tests.support.datasets import sent_case

DATASET = GoldenDataset(
    DatasetKey("acme", "test", "returns"), "bot", "", "CC-BY-4.0", datetime(2026, 1, 1, tzinfo=UTC), "ann"
)


def test_the_command_line_reads_both_files(tmp_path: Path) -> None:
    cases = [parse_case(sent_case(n, origin="execution:e1", parent="case-1" if n == 2 else None)) for n in range(4)]
    made = make_publication(DATASET, cases)
    path = tmp_path / "returns.jsonl"
    path.write_bytes(made.content)
    manifest_path(path).write_text(made.manifest, "utf-8")
    golden_set, manifest = read_golden_set(path)
    assert golden_set.cases == tuple(cases)
    assert (manifest.name, manifest.licence) == ("returns", "CC-BY-4.0")
    assert manifest.digest == made.golden_set.digest == golden_set.digest


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_NUMBER = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBER | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(_JSON.filter(lambda value: value is not None), min_size=1, max_size=4))
def test_cases_of_any_content_survive_their_file(inputs: list[object]) -> None:
    """Line breaks of Unicode, numbers and names of any form: what is published is what was accepted."""
    cases = [parse_case({"id": str(n), "input": value, "evaluators": ["contains"]}) for n, value in enumerate(inputs)]
    made = make_publication(DATASET, cases)
    assert [parse_case(json.loads(line)) for line in made.content.splitlines()] == cases
    assert made.content.count(b"\n") == len(cases)
