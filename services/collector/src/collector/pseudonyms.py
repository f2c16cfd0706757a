"""Users as keyed hashes: the same user is the same word within a project, and nobody can turn it round."""

import hmac
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """A hashing key (256 random bits) and the id that its pseudonyms start with, so that keys can change."""

    key_id: str
    secret: bytes

    def of(self, project: str, user: str) -> str:
        """The pseudonym of `user`; different in each project."""
        digest = hmac.digest(self.secret, f"{project}\x1f{user}".encode(), "sha256")
        return f"{self.key_id}:{digest[:16].hex()}"
