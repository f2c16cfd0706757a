"""Origins of pages (RFC 6454): scheme, host and port, in the form that browsers send as `Origin`."""

import re
from ipaddress import AddressValueError, IPv6Address

MAX_ORIGINS = 20
"""Origins of one key."""

_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_ORIGIN = re.compile(rf"(https?)://(\[[0-9a-f:.]+\]|{_LABEL}(?:\.{_LABEL})*)(?::([1-9][0-9]{{0,4}}))?/?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_REASON = (
    "must be an origin such as https://shop.example or http://localhost:5173: http or https, the host (in ASCII), and "
    "the port if it is not the default; no path and no wildcard"
)


def parse_origin(text: str) -> str:
    """Return an origin as browsers write it: in lower case, without the scheme's default port or a slash at the end.

    Raises ValueError for anything else: a wildcard, a path, another scheme, `null`.
    """
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        raise ValueError(_REASON)
    scheme, host, port = found[1], _host(found[2]), int(found[3] or 0)
    if port > 65_535 or len(host) > 253:
        raise ValueError(_REASON)
    return f"{scheme}://{host}" if port in (0, _DEFAULT_PORTS[scheme]) else f"{scheme}://{host}:{port}"


def _host(host: str) -> str:
    if not host.startswith("["):
        return host
    try:
        return f"[{IPv6Address(host[1:-1]).compressed}]"
    except AddressValueError:
        raise ValueError(_REASON) from None
