"""HTTP client of the services that own what the console shows."""

from typing import Any

import httpx

from console.errors import AccessDenied, ServiceUnavailable

_UNAVAILABLE = frozenset({502, 503, 504})


class Upstream:
    """Reads from the services with the viewer's own key. It sends GET requests only."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, key: str, path: str, **params: object) -> dict[str, Any]:
        """Return the JSON object at `path`. Raises AccessDenied or ServiceUnavailable.

        Parameters that are None are left out; a list becomes a repeated parameter.
        """
        query: list[tuple[str, str | int | float | bool | None]] = [
            (name, str(each))
            for name, value in params.items()
            if value is not None
            for each in (value if isinstance(value, list) else [value])
        ]
        try:
            response = await self._client.get(path, params=query, headers={"authorization": f"Bearer {key}"})
            body = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ServiceUnavailable(path) from error
        if response.is_success and isinstance(body, dict):
            return body
        if response.status_code in _UNAVAILABLE or not isinstance(body, dict):
            raise ServiceUnavailable(path)
        raise AccessDenied(
            response.status_code, str(body.get("code")), str(body.get("title")), str(body.get("detail") or "")
        )

    async def get_public(self, path: str) -> dict[str, Any]:
        """Return the JSON object at a path that needs no key. Raises ServiceUnavailable."""
        try:
            response = (await self._client.get(path)).raise_for_status()
            body = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ServiceUnavailable(path) from error
        assert isinstance(body, dict)
        return body

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
