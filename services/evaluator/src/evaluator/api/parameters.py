"""Parameters that the routes of datasets share."""

from typing import Annotated

from fastapi import Depends, Path, Query

from evaluator.domain.datasets import DATASET_NAME, DatasetKey
from shared.auth.principal import Principal
from shared.web.authentication import require
from shared.web.problem_docs import problems

Reader = Annotated[Principal, Depends(require("read"))]
Tuner = Annotated[Principal, Depends(require("tune"))]
Person = Annotated[Principal, Depends(require("tune", person=True))]
Name = Annotated[str, Path(pattern=f"^{DATASET_NAME.pattern}$", description="The name of the dataset")]
Target = Annotated[str | None, Query(max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
Limit = Annotated[int, Query(ge=1, le=100, description="The largest number of items in the page")]
UNKNOWN = problems({404: ["unknown-dataset"]})


def dataset_key(principal: Principal, name: str) -> DatasetKey:
    """Return the key of a dataset in the caller's project and environment."""
    return DatasetKey(principal.project, principal.environment, name)
