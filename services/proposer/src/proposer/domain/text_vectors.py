"""Vectors of questions, by which examples are compared: similar texts have vectors with a large cosine.

`HashedNgrams` needs no model: it counts character n-grams, hashed into a fixed number of dimensions (feature hashing,
Weinberger et al., 2009). It sees spelling, not meaning: a paraphrase without common words is dissimilar to it. Another
`Embedder` can replace it; candidates that another one embedded are embedded again.
"""

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

Vector: TypeAlias = "npt.NDArray[np.float32]"
Matrix: TypeAlias = "npt.NDArray[np.float32]"

_DIMENSIONS = 512
_SIZES = (3, 4, 5)
_MAX_CHARS = 2_000
"""Characters of a text that count; the rest says little more about its topic."""

_MULTIPLIER = 0x9E3779B1
_MIX = 0x85EBCA6B
_SCALE = 127.0


class Embedder(Protocol):
    """Turns texts into unit vectors. `name` identifies the method and its version; vectors of two names don't mix."""

    @property
    def name(self) -> str:
        """The method and its version, as stored with each vector and shown to people."""
        ...

    @property
    def near_duplicate(self) -> float:
        """The smallest cosine of two texts that count as the same question."""
        ...

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return one unit vector for each text, in order. A text without any feature has the zero vector."""
        ...


class HashedNgrams:
    """Hashed character n-grams of 3 to 5 characters, with square roots of counts, so that repetition adds little."""

    name = "hashed-ngrams/1"
    near_duplicate = 0.9

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return one unit vector of 512 dimensions for each text."""
        return np.stack([_embed(text) for text in texts]) if texts else np.zeros((0, _DIMENSIONS), np.float32)


def pack_vector(vector: Vector) -> bytes:
    """Return a unit vector as one signed byte for each dimension."""
    largest = float(np.abs(vector).max(initial=0.0))
    scaled = vector * (_SCALE / largest) if largest else vector
    return np.rint(scaled).astype(np.int8).tobytes()


def unpack_vectors(packed: Sequence[bytes]) -> Matrix:
    """Return the unit vectors in `packed`, which all have the same number of dimensions."""
    if not packed:
        return np.zeros((0, _DIMENSIONS), np.float32)
    raw = np.frombuffer(b"".join(packed), np.int8).reshape(len(packed), -1).astype(np.float32)
    return _normalized(raw)


def _embed(text: str) -> Vector:
    words = " ".join(unicodedata.normalize("NFKC", text[:_MAX_CHARS]).casefold().split())
    codes = np.frombuffer(f" {words} ".encode("utf-32-le", "replace"), np.uint32)
    hashed = [_hash_windows(codes, size) for size in _SIZES if len(codes) >= size]
    features = np.concatenate(hashed) if hashed else codes
    counts = np.bincount(features % np.uint32(_DIMENSIONS), np.where(features >> 31, 1.0, -1.0), _DIMENSIONS)
    damped: Matrix = (np.sign(counts) * np.sqrt(np.abs(counts))).astype(np.float32)[None]
    found: Vector = _normalized(damped)[0]
    return found


def _hash_windows(codes: "npt.NDArray[np.uint32]", size: int) -> "npt.NDArray[np.uint32]":
    """Return a 32-bit hash of each window of `size` characters (wraps around on purpose)."""
    windows = np.lib.stride_tricks.sliding_window_view(codes, size)
    hashed = np.full(len(windows), size, np.uint32)
    for column in range(size):
        hashed = (hashed ^ windows[:, column]) * np.uint32(_MULTIPLIER)
        hashed ^= hashed >> np.uint32(15)
    hashed = hashed * np.uint32(_MIX)
    mixed: npt.NDArray[np.uint32] = hashed ^ (hashed >> np.uint32(13))
    return mixed


def _normalized(rows: Matrix) -> Matrix:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Matrix = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return unit
