"""Fields of a body: each wrong one is named."""

from collections.abc import Callable
from typing import Any

import pytest

from gatekeeper.errors import BoundaryError
from gatekeeper.request_body import Fields
from shared.problems import Problem

DIGEST = "sha256:" + "a" * 64
Read = Callable[[Fields], Any]


@pytest.mark.parametrize(
    ("read", "good", "wrong"),
    [
        (lambda f: f.text("x", 3), ["a", "abc"], [None, 1, "", "abcd", []]),
        (lambda f: f.text("x", 3, empty=True), ["", "abc"], [None, "abcd"]),
        (lambda f: f.choice("x", "a", "b"), ["a", "b"], [None, "c", ["a"]]),
        (lambda f: f.digest("x"), [DIGEST], [None, DIGEST.upper(), DIGEST + "\n", 1]),
        (lambda f: f.optional_digest("x"), [DIGEST, None], ["", 0, "sha256:"]),
        (lambda f: f.whole("x", 1, 3), [1, 3], [None, 0, 4, 1.5, True, "1"]),
        (lambda f: f.object("x"), [{}, {"a": 1}], [None, [], "{}"]),
        (
            lambda f: f.moment("x").isoformat(),
            ["2026-01-01T00:00:00+00:00"],
            [None, "soon", "2026-01-01", "2026-01-01T00:00:00", "9999-01-01T00:00:00Z", 5],
        ),
    ],
)
def test_a_field_is_read_or_named(read: Read, good: list[Any], wrong: list[Any]) -> None:
    for value in good:
        assert read(Fields({"x": value})) == value
    for value in wrong:
        with pytest.raises(Problem) as caught:
            read(Fields({"x": value}))
        assert (caught.value.status, caught.value.errors[0]["field"]) == (422, "x")


def test_what_nobody_asked_for_is_named() -> None:
    fields = Fields({"a": "b", "c": 1})
    fields.text("a")
    with pytest.raises(Problem) as caught:
        fields.end()
    assert caught.value.errors[0]["field"] == "c"


def test_a_refusal_has_a_status_also_when_only_tampering_brings_it_up() -> None:
    assert (BoundaryError("halted", "").status, BoundaryError("own-proposal", "").status) == (409, 403)
    assert BoundaryError("sequence", "").status == 409
    assert BoundaryError("sequence", "").title
