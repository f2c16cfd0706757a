"""URL and API key of the server, from the environment or a local run's file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Role = Literal["ingest", "maker", "reviewer", "admin"]

FILE = Path(".ratchet/credentials.json")


class NoCredentials(Exception):
    """The URL or a key for the command is missing or malformed; the message says what to set."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The URL of a server and an API key."""

    url: str
    key: str


def find(role: Role, environ: Mapping[str, str], file: Path = FILE) -> Credentials:
    """Return RATCHET_URL and RATCHET_KEY, or what is missing from a local run's file. Raises NoCredentials."""
    url, key = environ.get("RATCHET_URL"), environ.get("RATCHET_KEY")
    stored = {} if url and key else _read_file(file)
    url, key = url or stored.get("url"), key or stored.get(f"{role}_key")
    if not url or not key:
        missing = "RATCHET_URL" if not url else "RATCHET_KEY"
        raise NoCredentials(f"{missing} is not set: set it, or run this in the directory of {file}")
    if not url.startswith(("http://", "https://")):
        raise NoCredentials("RATCHET_URL must begin with http:// or https://")
    if not url.partition("://")[2].strip("/"):
        raise NoCredentials("RATCHET_URL must name a host")
    if not (key.strip().isascii() and key.strip().isprintable()):
        raise NoCredentials("RATCHET_KEY must hold printable ASCII characters only")
    return Credentials(url.rstrip("/"), key.strip())


def _read_file(file: Path) -> dict[str, str]:
    try:
        stored = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise NoCredentials(f"{file} can't be read: {type(error).__name__}") from None
    return {str(name): str(value) for name, value in stored.items()} if isinstance(stored, dict) else {}
