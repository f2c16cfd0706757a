"""Validation errors in words for the sender."""

from typing import Annotated

import pytest
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from shared.problems import reason_of


def _checked(value: object) -> object:
    if value == "bad":
        raise ValueError("must be good")
    return value


Word = Annotated[str, BeforeValidator(_checked), Field(min_length=1, max_length=3, pattern=r"^[^\x00-\x1f]+$")]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "must have a length of at least 1"),
        ("long", "must have a length of at most 3"),
        ("a\n", "must not contain a control character"),
        ("bad", "must be good"),
        (5, "Input should be a valid string"),
    ],
)
def test_reason_names_the_value(value: object, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Word).validate_python(value)
    assert reason_of(dict(caught.value.errors()[0])) == reason
    assert reason_of({"type": "too_long", "msg": "is too long"}) == "is too long"
    assert reason_of({"type": "extra_forbidden", "msg": "Extra inputs are not permitted"}) == "is not a known field"
    assert reason_of({"type": "missing", "msg": "Field required"}) == "is missing"
