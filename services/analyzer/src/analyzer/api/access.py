"""Parameter types of the API: principals that may read, and names."""

from typing import Annotated

from fastapi import Depends, Query

from shared.auth.principal import Principal
from shared.web.authentication import require

Reader = Annotated[Principal, Depends(require("read", "review", "tune", "operate"))]
_Name = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
Target = _Name
MetricName = _Name
