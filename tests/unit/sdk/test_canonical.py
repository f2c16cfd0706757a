"""Canonical bytes equal those of the RFC 8785 package, in both implementations."""

import unicodedata

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ratchet.prompt import PromptError
from ratchet.prompt.canonical import MAX_DEPTH, Json, canonical_bytes, normal, normal_bytes, normal_text

_NUMBERS = st.integers(-(2**53) - 2, 2**53 + 2) | st.floats(allow_nan=False, allow_infinity=False)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text(st.characters(max_codepoint=0x7F))
_VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


def _bytes_or_error(value: Json) -> bytes | type[Exception]:
    try:
        return rfc8785.dumps(value)
    except Exception as error:
        return type(error)


@given(_VALUES)
def test_values_have_the_bytes_of_rfc_8785(value: Json) -> None:
    expected = _bytes_or_error(value)
    if isinstance(expected, bytes):
        assert canonical_bytes(value) == expected
    else:
        with pytest.raises(expected):
            canonical_bytes(value)


@pytest.mark.parametrize(
    "value",
    [
        {"b": 1, "a": [True, None, "x"]},
        {"\U0001f600": 1, "\ufb33": 2},  # by UTF-16 code units the first key sorts first, by code points the second
        ['\x7f\x1f\u2028"\\/\b\f\n\r\t\u00e9'],
        [0, -0.0, 1e21, 1.5, 2**53 - 1, -(2**53) + 1],
        {},
        [],
    ],
)
def test_special_cases_have_the_bytes_of_rfc_8785(value: Json) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)


def test_a_lone_surrogate_is_the_same_error() -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical_bytes(["\ud800"])


@pytest.mark.parametrize("number", [2**53, -(2**53)])
def test_an_integer_that_javascript_cannot_hold_is_the_same_error(number: int) -> None:
    with pytest.raises(rfc8785.IntegerDomainError):
        canonical_bytes({"n": number})


_ANY_TEXT = st.text(max_size=6) | st.sampled_from(["\0", "\\u0000", "a\0b", "\ud800", "\r\n", "e\u0301"])
_ANY_NUMBER = st.integers() | st.floats() | st.sampled_from([1e-4, 9e-5, 1e16, 123456789012345.6, -0.0, 1.0, 2**53])
_ANY = st.recursive(
    st.none() | st.booleans() | _ANY_NUMBER | _ANY_TEXT | st.binary(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(_ANY_TEXT | st.none(), inner),
    max_leaves=8,
)


def _nested(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return value


def _normal_bytes_or_error(value: object) -> bytes | str:
    try:
        return canonical_bytes(normal(value, "value"))
    except PromptError as error:
        return str(error)


@given(_ANY | st.integers(MAX_DEPTH - 2, MAX_DEPTH + 2).map(_nested))
def test_normal_bytes_are_those_of_the_normal_copy(value: object) -> None:
    expected = _normal_bytes_or_error(value)
    if isinstance(expected, bytes):
        assert normal_bytes(value, "value") == expected
    else:
        with pytest.raises(PromptError) as raised:
            normal_bytes(value, "value")
        assert str(raised.value) == expected


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.sampled_from(["a\rb", "\r\n"]))
def test_normal_text_is_nfc_with_lf(text: str) -> None:
    expected = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    assert normal_text(text, "text") == expected
