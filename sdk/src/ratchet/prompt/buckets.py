"""Assignment of users, sessions or calls to the arms of a rollout: the same in every language and process. Pure."""

import hashlib

BUCKETS = 10_000


def bucket_of(salt: str, unit_id: str) -> int:
    """Return the bucket of a unit, from 0 to 9,999: the first 48 bits of SHA-256 over salt, NUL and id, modulo 10,000.

    Texts are UTF-8; lone surrogates become U+FFFD, as in JavaScript.
    """
    text = f"{salt}\0{unit_id}".encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") % BUCKETS


def is_candidate(salt: str, unit_id: str, weight: int) -> bool:
    """Tell whether a unit gets the candidate: its bucket is below `weight`, so a unit keeps it as the weight rises."""
    return bucket_of(salt, unit_id) < weight
