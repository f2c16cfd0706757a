"""What a stranger sent is looked at as it came, or in lines where nothing gets lost by that."""

import pytest

from console.domain.display import payload


def test_json_is_shown_in_lines() -> None:
    assert payload('{"a":[1,"é"]}') == '{\n  "a": [\n    1,\n    "é"\n  ]\n}'


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '{"a": 1.0e400}', "no json", "[" * 10_000, ""])
def test_what_would_lose_something_is_shown_as_it_came(text: str) -> None:
    assert payload(text) == text


def test_what_is_hidden_in_it_is_spelled_out() -> None:
    assert payload('{"a":"\u202e"}') == '{\n  "a": "<U+202E>"\n}'
    assert payload("one\x1b\n\u200btwo") == "one<U+001B>\n<U+200B>two"
