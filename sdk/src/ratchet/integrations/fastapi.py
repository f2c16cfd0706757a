"""Route of a FastAPI app that takes thumbs from its own pages, so that no key of Ratchet is in the browser."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends

from ratchet.client import Client

_LINE = r"^[^\x00-\x1f\x7f]+$"


def thumbs_router(client: Client, *, user: Callable[..., Any], path: str = "/thumbs") -> APIRouter:
    """Return a router with `POST path`, which takes `execution_id`, `thumb` and `comment`, and sends the feedback.

    `user` is a dependency of the app's: it returns the id of the person who asks, or None, and raises HTTPException for
    those who may not rate. The route never waits for the Ratchet server.
    """
    router = APIRouter()

    @router.post(path, status_code=202)
    async def rate(
        execution_id: Annotated[str, Body(min_length=1, max_length=128, pattern=_LINE)],
        thumb: Annotated[bool, Body(strict=True)],
        user: Annotated[Any, Depends(user)],
        comment: Annotated[str | None, Body(max_length=20_000)] = None,
    ) -> dict[str, str]:
        """Rate an answer by the id of its execution: `thumb` true or false, and a comment."""
        return {"id": client.feedback(execution_id, kind="thumb", value=thumb, comment=comment, user=user)}

    return router
