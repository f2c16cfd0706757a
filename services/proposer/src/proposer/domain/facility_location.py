"""Facility location: how well a few examples represent many questions.

Each question counts by its best example: `value = Σ weight × max over examples of benefit`, where the benefit is the
example's quality times its similarity to the question, both from 0 to 1. The value is monotone and submodular, so that
greedy selection of k reaches at least 1 - 1/e of the largest possible value (Nemhauser, Wolsey and Fisher, 1978). An
example that resembles a selected one adds little: that makes sets diverse.
"""

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from proposer.domain.text_vectors import Matrix, Vector

if TYPE_CHECKING:
    import numpy.typing as npt

Weights: TypeAlias = "npt.NDArray[np.float32]"
Benefits: TypeAlias = "npt.NDArray[np.float32]"
"""One row for each example, one column for each question."""


def equal_weights(groups: Sequence[Hashable]) -> Weights:
    """Return weights by which each group (a user) counts as much as any other; all weights add up to 1."""
    sizes: dict[Hashable, int] = {}
    for group in groups:
        sizes[group] = sizes.get(group, 0) + 1
    return np.array([1.0 / (sizes[group] * len(sizes)) for group in groups], np.float32)


def benefits_of(examples: Matrix, qualities: Sequence[float], questions: Matrix) -> Benefits:
    """Return quality × similarity of each example to each question; opposite directions count as 0."""
    similar = np.maximum(examples @ questions.T, 0.0)
    found: Benefits = (similar * np.asarray(qualities, np.float32)[:, None]).astype(np.float32)
    return found


def coverage(benefits: Benefits, members: Sequence[int], questions: int) -> Vector:
    """Return the benefit of the best of `members` (rows of `benefits`) for each question; 0 without members."""
    if not members:
        return np.zeros(questions, np.float32)
    covered: Vector = benefits[list(members)].max(axis=0)
    return covered


def value_of(covered: Vector, weights: Weights) -> float:
    """Return the value of a set with this coverage, from 0 to 1."""
    return float(covered @ weights)


def gains(benefits: Benefits, covered: Vector, weights: Weights) -> Vector:
    """Return by how much each example would raise the value of a set with this coverage."""
    added: Vector = np.maximum(benefits - covered, 0.0) @ weights
    return added


def swap_values(members: Benefits, new: Vector, weights: Weights) -> Vector:
    """Return the value of the set with `new` instead of each of its members in turn."""
    without = np.zeros_like(members)
    for index in range(len(members)):
        others = np.delete(members, index, axis=0)
        without[index] = others.max(axis=0) if len(others) else 0.0
    values: Vector = np.maximum(without, new) @ weights
    return values
