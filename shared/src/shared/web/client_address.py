"""Client addresses of requests, also behind proxies."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

_CACHED = 10_000
_UNKNOWN = "unknown"


class ClientAddresses:
    """Resolves client addresses; `X-Forwarded-For` is used only if a trusted proxy sent it."""

    def __init__(self, trusted_proxies: str) -> None:
        """`trusted_proxies`: addresses and networks, separated by commas. Raises ValueError."""
        self._networks = [ip_network(each.strip()) for each in trusted_proxies.split(",") if each.strip()]
        self._blocks: dict[str, str] = {}

    def resolve(self, scope: Mapping[str, Any], forwarded: bytes | None) -> str:
        """Return the client's address: an IPv4 address, or the /64 network of an IPv6 address."""
        client = scope.get("client")
        address = client[0] if client else _UNKNOWN
        if forwarded is not None and self._is_trusted(address):
            address = self._forwarded(forwarded.decode("latin-1"), address)
        if ":" not in address:
            return str(address)
        block = self._blocks.get(address)
        if block is None:
            if len(self._blocks) >= _CACHED:
                self._blocks.clear()
            block = self._blocks[address] = _block(address)
        return block

    def _forwarded(self, header: str, address: str) -> str:
        """Return the last address that is no trusted proxy's; the client may have invented those before it."""
        for each in reversed(header[-1_000:].split(",")):
            found = each.strip()
            if _parsed(found) is None:
                break
            address = found
            if not self._is_trusted(found):
                break
        return address

    def _is_trusted(self, address: str) -> bool:
        found = _parsed(address)
        return found is not None and any(found in network for network in self._networks)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(address)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _block(address: str) -> str:
    found = _parsed(address)
    if isinstance(found, IPv6Address):
        return str(ip_network((int(found) >> 64 << 64, 64)))
    return str(found or _UNKNOWN)
