"""What the API shows of datasets, cases and versions."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from evaluator.domain.datasets import CaseCounts, CaseState, DatasetVersion, GoldenDataset, ReviewedCase


class VersionView(BaseModel):
    """A published version. `clusters`: its independent cases; `protected`: cases whose new failure fails an evaluation.

    `erased_at`: its cases are not stored any more, because the user of one was erased.
    """

    version: int
    target: str
    digest: str
    cases: int
    clusters: int
    protected: int
    published_at: datetime
    published_by: str
    erased_at: datetime | None


class CountsView(BaseModel):
    """Cases by state."""

    proposed: int
    accepted: int
    rejected: int


class DatasetView(BaseModel):
    """A dataset with the numbers of its cases; `latest` is null until a version is published."""

    name: str
    target: str
    description: str
    licence: str | None
    created_at: datetime
    created_by: str
    cases: CountsView
    latest: VersionView | None


class NearDuplicateView(BaseModel):
    """A case with nearly the same input, and the Jaccard similarity of both, of 0.8 to 1."""

    id: str
    similarity: float


class CaseView(BaseModel):
    """A case with its last review. `case` has the fields that `POST …/cases` takes."""

    id: str
    digest: str
    state: CaseState
    case: dict[str, Any]
    added_at: datetime
    added_by: str
    reviewed_at: datetime | None
    reviewed_by: str | None
    near_duplicates: list[NearDuplicateView]


class DatasetPage(BaseModel):
    """A page of datasets, by name."""

    items: list[DatasetView]
    next: str | None = Field(description="The `cursor` of the next page; null if there is none")


class CasePage(BaseModel):
    """A page of cases, in the order in which they were added."""

    items: list[CaseView]
    next: str | None = Field(description="The `cursor` of the next page; null if there is none")


class VersionPage(BaseModel):
    """A page of versions, latest first."""

    items: list[VersionView]
    next: str | None = Field(description="The `cursor` of the next page; null if there is none")


def dataset_view(dataset: GoldenDataset, counts: CaseCounts, latest: DatasetVersion | None) -> DatasetView:
    """Return the view of a dataset."""
    return DatasetView(
        name=dataset.key.name,
        target=dataset.target,
        description=dataset.description,
        licence=dataset.licence,
        created_at=dataset.created_at,
        created_by=dataset.created_by,
        cases=CountsView(proposed=counts.proposed, accepted=counts.accepted, rejected=counts.rejected),
        latest=None if latest is None else version_view(latest),
    )


def version_view(version: DatasetVersion) -> VersionView:
    """Return the view of a version."""
    return VersionView(
        version=version.version,
        target=version.target,
        digest=version.digest,
        cases=version.cases,
        clusters=version.clusters,
        protected=version.protected,
        published_at=version.published_at,
        published_by=version.published_by,
        erased_at=version.erased_at,
    )


def case_view(found: ReviewedCase, near: list[tuple[str, float]]) -> CaseView:
    """Return the view of a case; `near` are the ids of nearly equal cases with their similarity."""
    return CaseView(
        id=found.case.id,
        digest=found.case.digest,
        state=found.state,
        case=found.case.to_json(),
        added_at=found.added_at,
        added_by=found.added_by,
        reviewed_at=found.reviewed_at,
        reviewed_by=found.reviewed_by,
        near_duplicates=[NearDuplicateView(id=other, similarity=similarity) for other, similarity in near],
    )
