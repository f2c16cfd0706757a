"""Vectors of hashed character n-grams."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposer.domain.text_vectors import HashedNgrams, pack_vector, unpack_vectors

EMBEDDER = HashedNgrams()


def cosine(first: str, second: str) -> float:
    left, right = EMBEDDER.embed([first, second])
    return float(left @ right)


def test_similar_spelling_is_similar() -> None:
    assert cosine("Where is my card?", "  where IS my card? ") == pytest.approx(1)
    assert cosine("Where is my card?", "Where is my new card?") > 0.6
    assert cosine("Where is my card?", "The refund was too small") < 0.3
    assert cosine("카드가 아직 도착하지 않았어요", "카드가 도착하지 않았습니다") > 0.4


@given(st.text(max_size=40))
def test_vectors_have_length_one_and_survive_packing(text: str) -> None:
    (vector,) = EMBEDDER.embed([text])
    (unpacked,) = unpack_vectors([pack_vector(vector)])
    length = float(np.linalg.norm(vector))
    assert length == pytest.approx(1, abs=1e-5) or length == 0.0
    assert float(unpacked @ vector) == pytest.approx(length, abs=0.01)


def test_vectors_do_not_depend_on_the_process() -> None:
    (vector,) = EMBEDDER.embed(["card"])
    assert np.flatnonzero(vector).tolist() == np.flatnonzero(EMBEDDER.embed(["x", "card"])[1]).tolist()
    assert pack_vector(vector)[:0] == b""
    assert EMBEDDER.embed([]).shape == (0, 512)
