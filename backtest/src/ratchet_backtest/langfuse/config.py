"""Where the Langfuse server is, and the keys to show it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_HOSTS = ("LANGFUSE_HOST", "LANGFUSE_BASE_URL")
"""The older name is still the usual one; Langfuse's own client knows both."""
_PUBLIC, _SECRET = "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"


class MissingConfig(ValueError):
    """The environment does not say where or as whom; the message says what to set."""


@dataclass(frozen=True, slots=True)
class LangfuseConfig:
    """A server's address without a slash at its end, and a project's keys."""

    url: str
    public_key: str
    secret_key: str = field(repr=False)


def load_config(environ: Mapping[str, str]) -> LangfuseConfig:
    """What the environment says. Raises NoAccess, which names all that lacks."""
    url = next((environ[name] for name in _HOSTS if environ.get(name)), "").strip().rstrip("/")
    lacking = [name for name in (_PUBLIC, _SECRET) if not environ.get(name)]
    if lacking or not url:
        raise MissingConfig(f"set {', '.join([*([] if url else [_HOSTS[0]]), *lacking])}: --langfuse needs them")
    return LangfuseConfig(_checked(url), environ[_PUBLIC], environ[_SECRET])


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise MissingConfig("LANGFUSE_HOST must be like https://cloud.langfuse.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise MissingConfig("LANGFUSE_HOST must be an address alone, without a user or a question in it")
    return url
