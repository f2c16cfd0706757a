"""How a client behaves: given in code, or read from the environment when the client is made."""

import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx


@dataclass(frozen=True, slots=True)
class Options:
    """Times are in seconds.

    `public_keys` are the signing keys to trust (base64url); without any, the server's are fetched once and
    pinned. Without `project` and `environment`, those of the first verified prompt are pinned.
    """

    url: str
    key: str
    public_keys: tuple[str, ...] = ()
    project: str | None = None
    environment: str | None = None
    capacity: int = 10_000
    capacity_bytes: int = 64_000_000
    batch_size: int = 500
    batch_bytes: int = 1_000_000
    flush_interval: float = 0.05
    timeout: float = 10.0
    first_wait: float = 1.0
    silence: float = 45.0


def certificates(url: str) -> ssl.SSLContext:
    """The authorities to trust for a URL; none for plain http, whose clients needn't spend the time to read them."""
    if url.startswith("https://"):
        return httpx.create_ssl_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def options(
    url: str | None = None,
    key: str | None = None,
    *,
    public_key: str | Sequence[str] | None = None,
    project: str | None = None,
    environment: str | None = None,
    capacity: int = 10_000,
    capacity_bytes: int = 64_000_000,
    first_wait: float = 1.0,
    environ: Mapping[str, str] | None = None,
) -> Options:
    """Options from arguments, else from RATCHET_URL, RATCHET_KEY, RATCHET_PUBLIC_KEY (several with commas),
    RATCHET_PROJECT and RATCHET_ENVIRONMENT. Raises ValueError where the URL or the key is missing or is none."""
    source = os.environ if environ is None else environ
    address = _url(url or source.get("RATCHET_URL") or "")
    secret = _key(key or source.get("RATCHET_KEY") or "")
    if not address or not secret:
        raise ValueError("Ratchet needs a url and a key, as arguments or as RATCHET_URL and RATCHET_KEY")
    trusted = source.get("RATCHET_PUBLIC_KEY", "").split(",") if public_key is None else public_key
    keys = (trusted,) if isinstance(trusted, str) else tuple(trusted)
    return Options(
        url=address,
        key=secret,
        public_keys=tuple(key.strip() for key in keys if key.strip()),
        project=project or source.get("RATCHET_PROJECT"),
        environment=environment or source.get("RATCHET_ENVIRONMENT"),
        capacity=capacity,
        capacity_bytes=capacity_bytes,
        first_wait=first_wait,
    )


def _url(given: str) -> str:
    """A URL without the slash at its end. Raises ValueError."""
    address = given.strip().rstrip("/")
    try:
        host = httpx.URL(address).host
    except httpx.InvalidURL as error:
        raise ValueError(f"Ratchet's url is none: {error}") from None
    if address and not (address.startswith(("http://", "https://")) and host):
        raise ValueError("Ratchet's url must begin with http:// or https:// and name a host")
    return address


def _key(given: str) -> str:
    """A key without the space around it. Raises ValueError, which does not repeat it."""
    secret = given.strip()
    if not (secret.isascii() and secret.isprintable()):
        raise ValueError("Ratchet's key may hold printable ASCII only")
    return secret
