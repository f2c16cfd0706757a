"""Address and keys of the Langfuse server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_HOSTS = ("LANGFUSE_HOST", "LANGFUSE_BASE_URL")
"""Langfuse's own client accepts both names."""
_PUBLIC, _SECRET = "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"


class MissingConfig(ValueError):
    """The environment lacks the address or keys; the message names the variables."""


@dataclass(frozen=True, slots=True)
class LangfuseConfig:
    """Address of a server without a trailing slash, and keys of a project."""

    url: str
    public_key: str
    secret_key: str = field(repr=False)


def load_config(environ: Mapping[str, str]) -> LangfuseConfig:
    """Read the configuration from the environment. Raises MissingConfig that names all missing variables."""
    url = next((environ[name] for name in _HOSTS if environ.get(name)), "").strip().rstrip("/")
    missing = [name for name in (_PUBLIC, _SECRET) if not environ.get(name)]
    if missing or not url:
        raise MissingConfig(f"set {', '.join([*([] if url else [_HOSTS[0]]), *missing])}: required by --langfuse")
    return LangfuseConfig(_checked(url), environ[_PUBLIC], environ[_SECRET])


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise MissingConfig("LANGFUSE_HOST must be a URL such as https://cloud.langfuse.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise MissingConfig("LANGFUSE_HOST must not contain a user, query or fragment")
    return url
