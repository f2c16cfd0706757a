"""Who may ask what the analyzer knows, and by which words."""

from typing import Annotated

from fastapi import Depends, Query

from shared.auth.principal import Principal
from shared.web.authentication import require

Reader = Annotated[Principal, Depends(require("read", "review", "tune", "operate"))]
_Word = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
Target = _Word
MetricName = _Word
