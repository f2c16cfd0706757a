"""Asking the services that own what the console shows."""

from typing import Any

import httpx

from console.viewer import AccessDenied, ServiceUnavailable

_AWAY = frozenset({502, 503, 504})


class Upstream:
    """Reads by the person's own key; it never writes anything."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, key: str, path: str, **params: object) -> dict[str, Any]:
        """The JSON object at `path`; parameters that are None are left out. Raises Refused or Away."""
        given: list[tuple[str, str | int | float | bool | None]] = [
            (name, str(each))
            for name, value in params.items()
            if value is not None
            for each in (value if isinstance(value, list) else [value])
        ]
        try:
            answer = await self._client.get(path, params=given, headers={"authorization": f"Bearer {key}"})
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ServiceUnavailable(path) from error
        if answer.is_success and isinstance(body, dict):
            return body
        if answer.status_code in _AWAY or not isinstance(body, dict):
            raise ServiceUnavailable(path)
        raise AccessDenied(
            answer.status_code, str(body.get("code")), str(body.get("title")), str(body.get("detail") or "")
        )

    async def close(self) -> None:
        await self._client.aclose()
