"""`/v1/datasets/{name}/augmentations`: propose cases that ask the same in other words."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from evaluator.api.dataset_cases import Added, CaseId, added_view
from evaluator.api.parameters import UNKNOWN, Name, Tuner, dataset_key
from evaluator.dataset_service import DatasetService
from ratchet_evaluation.domain.augmentation import KINDS, AugmentationKind
from shared.web.json_body import RequestBody, body_operation, json_body


class NewAugmentations(RequestBody):
    """How to vary accepted cases. `cases`: their ids, by default of all cases that are not derived."""

    kinds: Annotated[list[AugmentationKind], Field(min_length=1, max_length=len(KINDS))]
    cases: Annotated[list[CaseId], Field(min_length=1, max_length=1000)] | None = None


def dataset_augmentations_router(service: DatasetService) -> APIRouter:
    """Return the route."""
    router = APIRouter(prefix="/v1/datasets/{name}", tags=["datasets"])

    @router.post(
        "/augmentations", responses=UNKNOWN, openapi_extra=body_operation(NewAugmentations, {"kinds": ["typo"]})
    )
    async def augment(
        name: Name, tuner: Tuner, body: Annotated[NewAugmentations, Depends(json_body(NewAugmentations))]
    ) -> Added:
        """Propose augmented cases: with typing errors, reordered sentences, or without capitals and punctuation.

        Each names the accepted case that it was made from as its parent, so that both count as one independent case,
        and enters a version after a person has accepted it. `line` in `problems` counts the cases that were made.
        """
        kinds = list(dict.fromkeys(body.kinds))
        chosen = None if body.cases is None else set(body.cases)
        return added_view(await service.augment(dataset_key(tuner, name), kinds, chosen, tuner.subject))

    return router
