"""The vectors for clients in other languages are what this client computes."""

import pytest

from tests.support.client_vectors import FOLDER, client_vectors, written

VECTORS = client_vectors()


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_vectors_are_up_to_date(name: str) -> None:
    """If not: `python -m tests.support.client_vectors`, and the tests of sdk-js."""
    assert (FOLDER / name).read_text("ascii") == written(VECTORS[name])


def test_every_file_has_vectors() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == set(VECTORS)
    assert all(VECTORS.values())
