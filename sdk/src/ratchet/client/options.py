"""Options of a client: arguments, else environment variables."""

import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, Unpack

import httpx

from ratchet.errors import ConfigurationError


class OptionFields(TypedDict, total=False):
    """Keyword arguments of `Ratchet` and `AsyncRatchet`.

    `public_key` (RATCHET_PUBLIC_KEY): the signing keys to trust; without any, the server's are pinned at first use.
    `project`, `environment` (RATCHET_PROJECT, RATCHET_ENVIRONMENT): accept only their prompts; without them, those of
    the first verified prompt are pinned. `capacity`, `capacity_bytes`: items that may wait to be sent, and the memory
    they may use; when full, new items are dropped and counted. `first_wait`: seconds that the first `prompt()` of a
    name may wait for the server. `prompt_folder` (RATCHET_PROMPT_FOLDER): where the last verified versions are saved,
    for a start while the server is unavailable; by default they are not.
    """

    public_key: str | Sequence[str] | None
    project: str | None
    environment: str | None
    capacity: int
    capacity_bytes: int
    first_wait: float
    prompt_folder: str | os.PathLike[str] | None


@dataclass(frozen=True)
class Options:
    """Validated options of a client. Times in seconds; `public_keys` are base64url."""

    url: str
    key: str = field(repr=False)
    public_keys: tuple[str, ...] = ()
    project: str | None = None
    environment: str | None = None
    capacity: int = 10_000
    capacity_bytes: int = 64_000_000
    first_wait: float = 1.0
    prompt_folder: Path | None = None
    batch_size: int = 500
    batch_bytes: int = 1_000_000
    flush_interval: float = 0.05
    timeout: float = 10.0
    silence: float = 45.0


def certificates(url: str) -> ssl.SSLContext:
    """Return the certificate authorities to trust for `url`; none for plain http, where loading them costs time."""
    if url.startswith("https://"):
        return httpx.create_ssl_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def read_options(
    url: str | None = None,
    key: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    **fields: Unpack[OptionFields],
) -> Options:
    """Return the options from arguments, else from RATCHET_URL, RATCHET_KEY, RATCHET_PUBLIC_KEY (comma-separated),
    RATCHET_PROJECT, RATCHET_ENVIRONMENT and RATCHET_PROMPT_FOLDER.

    Raises ConfigurationError where the URL or the key is missing or malformed, TypeError for an unknown argument.
    """
    if unknown := fields.keys() - OptionFields.__annotations__.keys():
        raise TypeError(f"unknown argument: {', '.join(sorted(unknown))}")
    source = os.environ if environ is None else environ
    address = _url(url or source.get("RATCHET_URL") or "")
    secret = _key(key or source.get("RATCHET_KEY") or "")
    if not address or not secret:
        missing = [name for name, value in (("RATCHET_URL", address), ("RATCHET_KEY", secret)) if not value]
        advice = "is not set: set it" if len(missing) == 1 else "are not set: set them"
        raise ConfigurationError(f"{' and '.join(missing)} {advice}, or pass url and key as arguments")
    trusted = fields.get("public_key")
    if trusted is None:
        trusted = source.get("RATCHET_PUBLIC_KEY", "").split(",")
    folder = fields.get("prompt_folder") or source.get("RATCHET_PROMPT_FOLDER")
    keys = (trusted,) if isinstance(trusted, str) else trusted
    return Options(
        url=address,
        key=secret,
        public_keys=tuple(key.strip() for key in keys if key.strip()),
        project=fields.get("project") or source.get("RATCHET_PROJECT"),
        environment=fields.get("environment") or source.get("RATCHET_ENVIRONMENT"),
        capacity=fields.get("capacity", Options.capacity),
        capacity_bytes=fields.get("capacity_bytes", Options.capacity_bytes),
        first_wait=fields.get("first_wait", Options.first_wait),
        prompt_folder=Path(folder) if folder else None,
    )


def _url(given: str) -> str:
    """Return the URL without a trailing slash. Raises ConfigurationError."""
    address = given.strip().rstrip("/")
    try:
        host = httpx.URL(address).host
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"RATCHET_URL is not a valid URL: {error}") from None
    if address and not (address.startswith(("http://", "https://")) and host):
        raise ConfigurationError("RATCHET_URL must begin with http:// or https:// and name a host")
    return address


def _key(given: str) -> str:
    """Return the key without surrounding whitespace. Raises ConfigurationError, without the key in its message."""
    secret = given.strip()
    if not (secret.isascii() and secret.isprintable()):
        raise ConfigurationError("RATCHET_KEY must contain printable ASCII characters only")
    return secret
