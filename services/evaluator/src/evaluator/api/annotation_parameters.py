"""Parameters that the routes of annotation queues share."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path
from pydantic import Field

from evaluator.domain.annotation_queues import QUEUE_NAME, QueueKey
from shared.auth.principal import Principal
from shared.web.authentication import require
from shared.web.problem_docs import problems

Annotator = Annotated[Principal, Depends(require("tune", "review", person=True))]
ReadingPerson = Annotated[Principal, Depends(require("read", person=True))]
Expert = Annotated[Principal, Depends(require("review", person=True))]
Auditor = Annotated[Principal, Depends(require("review", "admin"))]
QueueName = Annotated[str, Path(pattern=f"^{QUEUE_NAME.pattern}$", description="The name of the annotation queue")]
TaskId = Annotated[UUID, Path(description="The id of the task")]
Token = Annotated[UUID, Field(strict=False)]
UNKNOWN_QUEUE = problems({404: ["unknown-queue"]})
PATH = "/v1/annotation-queues"


def queue_key(principal: Principal, name: str) -> QueueKey:
    """Return the key of a queue in the caller's project and environment."""
    return QueueKey(principal.project, principal.environment, name)
