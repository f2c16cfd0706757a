"""Conversion of chat model inputs to text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.chat_text import as_text

SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "Why?"}
CALL = {"id": "c", "type": "function", "function": {"name": "search", "arguments": '{"q": 1}'}}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Why?", "Why?"),
        ([USER], "Why?"),
        ([SYSTEM, USER], "Why?"),
        ([{"role": "developer", "content": "x"}, USER], "Why?"),
        ([SYSTEM], "Be brief."),
        (USER, "Why?"),
        ([SYSTEM, USER, {"role": "assistant", "content": "So."}, USER], "user: Why?\n\nassistant: So.\n\nuser: Why?"),
        ([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {}}]}],
         "a\n[image_url]"),
        ([{"role": "assistant", "content": None, "tool_calls": [CALL]}], 'search({"q": 1})'),
        ([{"role": "assistant", "content": [{"type": "tool_use", "name": "search", "input": {"q": 1}}]}],
         'search({"q":1})'),
        ([{"role": "user", "parts": [{"text": "Gemini"}]}], "Gemini"),
        ({"answer": 42, "why": ["a", None]}, '{"answer":42,"why":["a",null]}'),
        ([1, "a"], '[1,"a"]'),
        ([], "[]"),
        ({}, "{}"),
        ([USER, 5], '[{"role":"user","content":"Why?"},5]'),
    ],
)  # fmt: skip
def test_messages_become_text(value: Any, text: str) -> None:
    assert as_text(value) == text


NAMES = ["role", "content", "parts", "text", "type", "tool_calls", "function", "name", "arguments"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES), inner),
)


@given(JSON.filter(lambda value: isinstance(value, str | list | dict)))
def test_any_json_becomes_text(value: Any) -> None:
    assert isinstance(as_text(json.loads(json.dumps(value))), str)
