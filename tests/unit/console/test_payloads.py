"""Payloads of unknown senders: formatted as JSON where that loses nothing, otherwise unchanged."""

import pytest

from console.domain.display import payload


def test_json_is_indented() -> None:
    assert payload('{"a":[1,"é"]}') == '{\n  "a": [\n    1,\n    "é"\n  ]\n}'


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '{"a": 1.0e400}', "no json", "[" * 10_000, ""])
def test_payload_that_formatting_would_change_is_shown_unchanged(text: str) -> None:
    assert payload(text) == text


def test_invisible_characters_are_escaped() -> None:
    assert payload('{"a":"\u202e"}') == '{\n  "a": "<U+202E>"\n}'
    assert payload("one\x1b\n\u200btwo") == "one<U+001B>\n<U+200B>two"
