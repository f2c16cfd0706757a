"""Pseudonyms of users: keyed hashes, equal for one user of a project and irreversible without the key."""

from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """A hashing key (256 random bits), and the id with which its pseudonyms begin, so that keys can be rotated."""

    key_id: str
    secret: bytes

    def pseudonym(self, project: str, user: str) -> str:
        """Return the pseudonym of `user`, which differs between projects."""
        keyed = blake2b(f"{project}\x1f{user}".encode(), digest_size=16, key=self.secret)  # a MAC: RFC 7693
        return f"{self.key_id}:{keyed.hexdigest()}"
