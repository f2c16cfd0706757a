"""How diverse an example set is, and how well it represents the questions that users ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from proposer.domain.pool_entries import PoolEntry
from proposer.domain.question_sample import Questions


@dataclass(frozen=True, slots=True)
class ExampleMeasure:
    """One example of a set. `represents`: share of the questions that it is the most similar example of.

    `diversity`: 1 - cosine to the most similar other example; None for the only one.
    """

    feedback_id: UUID
    represents: float
    diversity: float | None


@dataclass(frozen=True, slots=True)
class SetMeasure:
    """A set, measured on `questions` sampled questions.

    `representativeness`: mean cosine of a question to its most similar example; None without questions. `diversity`:
    mean of 1 - cosine over the pairs of examples; None for a single one.
    """

    questions: int
    representativeness: float | None
    diversity: float | None
    examples: tuple[ExampleMeasure, ...]


def measure_set(members: Sequence[PoolEntry], questions: Questions) -> SetMeasure:
    """Return the measures of a set; each contributor's questions count the same."""
    count = len(questions.weights)
    if not members:
        return SetMeasure(count, None, None, ())
    vectors = np.stack([member.vector for member in members])
    similar = np.maximum(vectors @ questions.vectors.T, 0.0) if count else np.zeros((len(members), 0), np.float32)
    distance = 1.0 - np.maximum(vectors @ vectors.T, 0.0)
    nearest = similar.argmax(axis=0) if count else np.zeros(0, np.intp)
    pairs = distance[np.triu_indices(len(members), 1)]
    examples = tuple(
        ExampleMeasure(
            member.feedback_id,
            _rounded(float(questions.weights[nearest == index].sum())),
            _rounded(float(np.delete(distance[index], index).min())) if len(members) > 1 else None,
        )
        for index, member in enumerate(members)
    )
    return SetMeasure(
        count,
        _rounded(float(similar.max(axis=0) @ questions.weights)) if count else None,
        _rounded(float(pairs.mean())) if len(pairs) else None,
        examples,
    )


def _rounded(share: float) -> float:
    return round(min(1.0, max(0.0, share)), 3)
