"""Gzip bodies are inflated within the limit of plain ones; others are rejected with the field."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.api.request import has_gzip_body, inflate
from shared.problems import Problem

LIMIT = 10_000


def refusal(content: bytes, limit: int = LIMIT) -> Problem:
    with pytest.raises(Problem) as caught:
        inflate(content, limit)
    assert [error["field"] for error in caught.value.errors] == ["body"]
    return caught.value


@given(st.binary(max_size=LIMIT), st.integers(1, 9))
def test_compressed_body_is_inflated(content: bytes, level: int) -> None:
    assert inflate(gzip.compress(content, level), LIMIT) == content


@given(st.binary(max_size=200), st.integers(0, 220))
def test_truncated_body_is_rejected(content: bytes, kept: int) -> None:
    compressed = gzip.compress(content)
    assert refusal(compressed[: min(kept, len(compressed) - 1)]).status == 400


def test_the_limit_is_on_inflated_bytes() -> None:
    assert len(inflate(gzip.compress(b" " * LIMIT), LIMIT)) == LIMIT
    problem = refusal(gzip.compress(b" " * (LIMIT + 1)))
    assert (problem.status, problem.errors[0]["reason"]) == (413, "must have at most 10000 bytes after decompression")


def test_gzip_bomb_is_not_inflated_beyond_the_limit() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    tracemalloc.start()
    try:
        assert refusal(bomb, 2_000_000).status == 413
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        zlib.compress(b"{}"),
        gzip.compress(b"{}")[:-8] + b"\0" * 8,
        gzip.compress(b"{}") + b"\0",
        gzip.compress(b"[") + gzip.compress(b"]"),
    ],
    ids=["plain", "deflate", "wrong checksum", "data behind", "two members"],
)
def test_body_that_is_not_one_gzip_member_is_rejected(content: bytes) -> None:
    assert refusal(content).status == 400


@pytest.mark.parametrize(("value", "gzipped"), [(b"gzip", True), (b" X-GZIP ", True), (b"Identity", False)])
def test_known_codings(value: bytes, gzipped: bool) -> None:
    assert has_gzip_body([(b"content-length", b"1"), (b"content-encoding", value)]) is gzipped
    assert has_gzip_body([]) is False


@pytest.mark.parametrize(
    "values", [[b"br"], [b"deflate"], [b""], [b"gzip, gzip"], [b"gzip", b"gzip"], [b"br", b"identity"]]
)
def test_other_and_repeated_codings_are_rejected(values: list[bytes]) -> None:
    with pytest.raises(Problem) as caught:
        has_gzip_body([(b"content-encoding", value) for value in values])
    assert (caught.value.status, caught.value.errors[0]["field"]) == (415, "Content-Encoding")
    assert caught.value.headers == {"Accept-Encoding": "gzip"}
