"""Static files: a browser may keep what has its content's hash in its address."""

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope


class ImmutableStatic(StaticFiles):
    """Kept for ever where the address names a version, asked for again where it does not."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        versioned = b"v=" in scope["query_string"]
        answer.headers["cache-control"] = "public, max-age=31536000, immutable" if versioned else "no-cache"
        return answer
