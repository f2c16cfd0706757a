"""Names that a sender chose are not among the names of wrong fields."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.schemas import ExecutionBody
from shared.declared_fields import declared_names, declared_path

NAMES = declared_names(ExecutionBody)


def test_names_of_a_model_and_of_those_inside_it_are_declared() -> None:
    assert {"outcome", "attributes", "prompts", "digest", "input_tokens"} <= NAMES
    assert "title" not in NAMES, "a word of JSON Schema, no field"


@pytest.mark.parametrize("path", ["outcome", "prompts[0].digest", "usage.input_tokens"])
def test_declared_path_is_kept(path: str) -> None:
    assert declared_path(path, NAMES) == path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("attributes.Jane Doe", "attributes.(undeclared)"),
        ("attributes.a.target", "attributes.(undeclared)"),
        ("jane@example.com", "(undeclared)"),
        ("target[5550123]", "(undeclared)"),
        ("target\n", "(undeclared)"),
        ("", "(undeclared)"),
    ],
)
def test_name_of_the_sender_is_not_shown(path: str, shown: str) -> None:
    assert declared_path(path, NAMES) == shown


@given(st.text())
def test_no_text_passes_unless_it_is_declared(key: str) -> None:
    shown = re.sub(r"\[\d{1,4}\]", "", declared_path(f"attributes.{key}", NAMES))
    assert set(shown.split(".")) <= NAMES | {"(undeclared)"}
