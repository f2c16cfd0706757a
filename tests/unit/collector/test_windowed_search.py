"""Searching a text in windows gives the same result as searching the whole, with bounded searches."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.pii import windowed_search as scrub_windows
from shared.pii.scrub import find_spans
from shared.pii.windowed_search import REACH, WINDOW, digit_zones, matches
from tests.support.harmless_texts import negatives
from tests.support.personal_data import labelled

TEXTS = [case.text for case in labelled(7, 2)] + [text for text, _ in negatives(7, 10)]
NOISE = [
    "4 1 1 1 1 1 ",
    "2345 6789 0123 ",
    "DE89 3704 ",
    "a@b",
    "(0",
    "::1:",
    " at a dot ",
    "call 555-1234 ",
    "sk-",
    "٤١ ",
]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(TEXTS) | st.sampled_from(NOISE).map(lambda noise: noise * 9), max_size=8),
    st.sampled_from(["", " ", "\n", ", "]),
    st.integers(1, 70),
)
def test_windows_of_any_size_give_the_same_matches(parts: list[str], between: str, window: int) -> None:
    text = between.join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scrub_windows, "WINDOW", 1_000_000)
        whole = find_spans(text)
        patch.setattr(scrub_windows, "WINDOW", window)
        assert find_spans(text) == whole


@given(st.text(alphabet="ab1-", max_size=60), st.integers(1, 9))
def test_matches_are_those_of_finditer(text: str, window: int) -> None:
    pattern = re.compile(r"(?<!a)[b1]{2,4}(?!-)|1-b|b(?=1)|a-+")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scrub_windows, "WINDOW", window)
        assert [found.span() for found in matches(pattern, text)] == [found.span() for found in pattern.finditer(text)]


def test_unbounded_repeat_is_found_entirely() -> None:
    text = "x" * (WINDOW - 10) + " " + "a" * 2 * REACH
    assert [found.span() for found in matches(re.compile(r"(?<!x)a+"), text)] == [(WINDOW - 9, len(text))]


def test_zones_contain_numbers_but_no_dates() -> None:
    text = "On 2026-11-21, in 5 of 12 calls to (030) 1234-5678 since 2026-11-21T10:00, 12345."
    assert [text[start:end] for start, end in digit_zones(text)] == ["030) 1234-5678"]
