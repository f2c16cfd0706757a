"""Texts of strangers: visible, in one form, and equal where a reader sees no difference."""

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
def test_only_what_a_reader_sees_is_kept(text: str, cleaned: str) -> None:
    assert normalize_text(text) == cleaned


@given(TEXTS)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = normalize_text(text)
    assert normalize_text(once) == once
    assert unicodedata.is_normalized("NFC", once)


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20))
def test_inputs_are_the_same_whatever_their_case_and_spaces(text: str) -> None:
    assert input_key(f"  {text}\n {text}") == input_key(f"{text}\u200b {text} ")


def test_other_inputs_have_other_keys() -> None:
    assert input_key("What is 1+1?") == input_key("what  is 1+1?")
    assert input_key("What is 1+1?") != input_key("What is 1+2?")


@pytest.mark.parametrize("text", [None, "", "   ", "\u200b", "x" * (MAX_CHARS + 1)])
def test_nothing_and_too_much_make_no_example(text: str | None) -> None:
    assert example_text(text) is None


def test_a_text_of_the_largest_length_does() -> None:
    assert example_text("x" * MAX_CHARS) == "x" * MAX_CHARS
