"""Value types of datasets: golden sets that people build from reviewed cases, and publish in versions."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from ratchet_evaluation.domain.cases import GoldenCase

CaseState = Literal["proposed", "accepted", "rejected"]
ReviewState = Literal["accepted", "rejected"]
DATASET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MAX_DATASETS = 200
"""Datasets of an environment."""
MAX_CASES = 5_000
"""Cases of a dataset, in any state."""


class DatasetKey(NamedTuple):
    """The identity of a dataset."""

    project: str
    environment: str
    name: str


@dataclass(frozen=True, slots=True)
class GoldenDataset:
    """A dataset without its cases. Its target never changes: versions were published for it."""

    key: DatasetKey
    target: str
    description: str
    licence: str | None
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class ReviewedCase:
    """A case of a dataset with its state. `position` orders the cases as they were added."""

    case: GoldenCase
    position: int
    state: CaseState
    added_at: datetime
    added_by: str
    reviewed_at: datetime | None
    reviewed_by: str | None


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """A published version without its cases. `clusters` is the number of independent cases.

    `erased_at`: its cases are not stored any more, because the user of one was erased.
    """

    key: DatasetKey
    version: int
    target: str
    digest: str
    cases: int
    clusters: int
    protected: int
    published_at: datetime
    published_by: str
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CaseCounts:
    """Cases of a dataset by state."""

    proposed: int = 0
    accepted: int = 0
    rejected: int = 0
