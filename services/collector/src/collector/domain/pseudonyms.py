"""Users as keyed hashes: the same user is the same word within a project, and nobody can turn it round."""

from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """A hashing key (256 random bits) and the id that its pseudonyms start with, so that keys can change."""

    key_id: str
    secret: bytes

    def of(self, project: str, user: str) -> str:
        """The pseudonym of `user`; different in each project."""
        keyed = blake2b(f"{project}\x1f{user}".encode(), digest_size=16, key=self.secret)  # a MAC: RFC 7693
        return f"{self.key_id}:{keyed.hexdigest()}"
