"""Whether the variables of one prompt suffice to render another."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet.prompt import Prompt, incompatibilities, parse, render
from tests.support.prompts import TYPES, minimal

OWN: dict[str, dict[str, Any]] = {"a": {"type": "string"}, "o": {"type": "string", "required": False}}
VALUES: dict[str, object] = {"string": "x", "number": 1, "boolean": True, "list": [1]}
DECLARED = st.dictionaries(
    st.sampled_from("abc"), st.fixed_dictionaries({"type": TYPES, "required": st.booleans()}), max_size=3
)


def declaring(variables: dict[str, dict[str, Any]]) -> Prompt:
    text = "".join(f"{{{{{name}}}}}" for name in variables)
    return parse(minimal(messages=[{"role": "user", "content": text}], variables=variables))


@pytest.mark.parametrize(
    ("variables", "reasons"),
    [
        ({"a": {"type": "string"}}, []),
        ({}, []),
        ({"b": {"type": "string", "required": False}}, []),
        ({"b": {"type": "string"}}, ["it needs the variable b"]),
        ({"a": {"type": "string"}, "o": {"type": "string"}}, ["it needs the variable o"]),
        ({"a": {"type": "list"}}, ["it takes the variable a as a list, not as a string"]),
    ],
)
def test_incompatibility_is_named(variables: dict[str, dict[str, Any]], reasons: list[str]) -> None:
    assert incompatibilities(declaring(variables), declaring(OWN)) == reasons


@given(DECLARED, DECLARED)
def test_compatible_prompt_can_be_rendered(first: dict[str, dict[str, Any]], other: dict[str, dict[str, Any]]) -> None:
    prompt, like = declaring(first), declaring(other)
    if not incompatibilities(prompt, like):
        for variables in (like.variables, {name: it for name, it in like.variables.items() if it.required}):
            filled = {name: VALUES[it.type] for name, it in variables.items() if name in prompt.variables}
            assert render(prompt, filled)
