"""Parameters that the routes of the proposer share."""

from typing import Annotated

from fastapi import Depends, Query

from shared.auth.principal import Principal
from shared.web.authentication import require

Reader = Annotated[Principal, Depends(require("read"))]
Word = Annotated[str | None, Query(max_length=256, pattern=r"^[^\x00]+$")]
Limit = Annotated[int, Query(ge=1, le=500, description="The largest number of items in the page")]
