"""Texts of users: only visible characters, normalised, and equal if they look equal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposer.domain.example_text import MAX_CHARS, example_text, input_key, normalize_text
from tests.support.prompts import TEXTS


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("  two\r\nlines\t\n", "two\nlines"),
        ("e\u0301", "é"),
        ("a\u200bb\u2060c\ufeff", "abc"),
        ("\u202eevil\u202c", "evil"),
        ("hidden\U000e0041\U000e0042", "hidden"),
        ("smuggled\U000e0100", "smuggled"),
        ("a\x1b[31mb\x00", "a[31mb"),
        ("line\u2028break", "linebreak"),
    ],
)
def test_invisible_characters_are_removed(text: str, cleaned: str) -> None:
    assert normalize_text(text) == cleaned


@given(TEXTS)
def test_cleaning_is_idempotent(text: str) -> None:
    once = normalize_text(text)
    assert normalize_text(once) == once
    assert unicodedata.is_normalized("NFC", once)


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20))
def test_input_key_ignores_case_and_whitespace(text: str) -> None:
    assert input_key(f"  {text}\n {text}") == input_key(f"{text}\u200b {text} ")


def test_different_inputs_have_different_keys() -> None:
    assert input_key("What is 1+1?") == input_key("what  is 1+1?")
    assert input_key("What is 1+1?") != input_key("What is 1+2?")


@pytest.mark.parametrize("text", [None, "", "   ", "\u200b", "x" * (MAX_CHARS + 1)])
def test_empty_or_too_long_text_makes_no_example(text: str | None) -> None:
    assert example_text(text) is None


def test_text_of_the_maximum_length_makes_an_example() -> None:
    assert example_text("x" * MAX_CHARS) == "x" * MAX_CHARS
