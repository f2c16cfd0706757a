"""Where the server is and which key to show it. Pure but for reading one file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Role = Literal["ingest", "maker", "reviewer", "admin"]

FILE = Path(".ratchet/credentials.json")


class NoCredentials(Exception):
    """Nothing says where the server is, or no key fits the command; the message says what to set."""


@dataclass(frozen=True, slots=True)
class Credentials:
    url: str
    key: str


def find(role: Role, environ: Mapping[str, str], file: Path = FILE) -> Credentials:
    """RATCHET_URL and RATCHET_KEY, each else from the credentials that a local run keeps. Raises NoCredentials."""
    url, key = environ.get("RATCHET_URL"), environ.get("RATCHET_KEY")
    kept = {} if url and key else _kept(file)
    url, key = url or kept.get("url"), key or kept.get(f"{role}_key")
    if not url or not key:
        missing = "RATCHET_URL" if not url else "RATCHET_KEY"
        raise NoCredentials(f"set {missing}, or run this where {file} is")
    if not url.startswith(("http://", "https://")):
        raise NoCredentials("RATCHET_URL must begin with http:// or https://")
    if not url.partition("://")[2].strip("/"):
        raise NoCredentials("RATCHET_URL must name a host")
    if not (key.strip().isascii() and key.strip().isprintable()):
        raise NoCredentials("RATCHET_KEY must hold printable ASCII characters only")
    return Credentials(url.rstrip("/"), key.strip())


def _kept(file: Path) -> dict[str, str]:
    try:
        kept = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise NoCredentials(f"{file} can't be read: {type(error).__name__}") from None
    return {str(name): str(value) for name, value in kept.items()} if isinstance(kept, dict) else {}
