"""Canonical bytes equal those of the RFC 8785 package, in both implementations."""

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ratchet.prompt.canonical import Json, canonical_bytes

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
