"""Address and keys of the Langfuse server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PREFIX = "LANGFUSE"
"""Prefix of the environment variables."""
_HOSTS = ("HOST", "BASE_URL")
"""Langfuse's own client accepts both names."""
_PUBLIC, _SECRET = "PUBLIC_KEY", "SECRET_KEY"


class MissingConfig(ValueError):
    """The environment lacks the address or keys; the message names the variables."""


@dataclass(frozen=True, slots=True)
class LangfuseConfig:
    """Address of a server without a trailing slash, and keys of a project. Messages name variables by `prefix`."""

    url: str
    public_key: str
    secret_key: str = field(repr=False)
    prefix: str = PREFIX


def load_config(environ: Mapping[str, str], needed_by: str, prefix: str = PREFIX) -> LangfuseConfig:
    """Read `<prefix>_HOST`, `_PUBLIC_KEY` and `_SECRET_KEY`. Raises MissingConfig that names all missing variables."""
    names = [f"{prefix}_{name}" for name in (_HOSTS[0], _PUBLIC, _SECRET)]
    found = {name: environ.get(f"{prefix}_{name}") for name in (*_HOSTS, _PUBLIC, _SECRET)}
    url = (found[_HOSTS[0]] or found[_HOSTS[1]] or "").strip().rstrip("/")
    values = (url, found[_PUBLIC], found[_SECRET])
    missing = [name for name, value in zip(names, values, strict=True) if not value]
    if missing:
        raise MissingConfig(f"set {', '.join(missing)}: required by {needed_by}")
    _check(url, names[0])
    return LangfuseConfig(url, environ[names[1]], environ[names[2]], prefix)


def _check(url: str, name: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise MissingConfig(f"{name} must be a URL such as https://cloud.langfuse.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise MissingConfig(f"{name} must not contain a user, query or fragment")
