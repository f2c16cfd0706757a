"""docs/opentelemetry.md shows the tables of the mapping as they are."""

import re
from pathlib import Path

import pytest

from collector.api.otlp_codec import LIMITS
from collector.domain.otlp import conventions, evaluation_results, retrieved_contexts, span_fields
from collector.domain.otlp.transcript import INPUTS, OUTPUTS
from collector.settings import CollectorSettings

DOCS = (Path(__file__).parents[4] / "docs/opentelemetry.md").read_text()


def row(field: str) -> list[str]:
    """Return the names in the row of a field, in their order."""
    (line,) = (line for line in DOCS.splitlines() if line.startswith(f"| `{field}` |"))
    return re.findall(r"(?:event )?`[^`]+`", line.split("|")[2])


@pytest.mark.parametrize("field", conventions.SOURCES)
def test_sources_of_a_field(field: str) -> None:
    names = [name.strip("`") for name in row(field)]
    extra = {"llm.cost.prompt", "llm.cost.completion"} if field == "cost" else set()
    assert [name for name in names if name not in extra] == list(conventions.SOURCES[field])


@pytest.mark.parametrize(("field", "sources"), [("input", INPUTS), ("output", OUTPUTS)])
def test_sources_of_texts(field: str, sources: tuple[tuple[str, object], ...]) -> None:
    assert [name.replace("`", "") for name in row(field)] == [name for name, _ in sources]


def test_limits() -> None:
    assert f"{span_fields.MAX_ATTRIBUTES} attributes" in DOCS
    assert f"{LIMITS.spans:,} spans, or {LIMITS.parts:,} attributes" in DOCS
    assert f"at most {evaluation_results.MAX_RESULTS} results" in DOCS
    assert CollectorSettings.model_fields["otlp_body_limit"].default == 8_000_000
    assert retrieved_contexts.MAX_USES == 4


def test_every_name_in_the_tables_is_read() -> None:
    known = {name for names in conventions.SOURCES.values() for name in names}
    assert {name for name in known if name not in DOCS} == set()
