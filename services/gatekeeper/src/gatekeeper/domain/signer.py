"""The Ed25519 key that signs live versions, API keys and the ends of audit chains."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ratchet.signing import arms_bytes, key_bytes, key_id, live_bytes, public_key, sign, verify
from shared.events.promotion import Signature


@dataclass(frozen=True)
class Signer:
    """A private key (base64url of 32 bytes) with its public half. Raises ValueError if the key is malformed."""

    private: str = field(repr=False)
    public: str = field(init=False)
    key_id: str = field(init=False)

    def __post_init__(self) -> None:
        public = public_key(self.private)
        object.__setattr__(self, "public", public)
        object.__setattr__(self, "key_id", key_id(public))

    def sign_live(self, payload: Mapping[str, object]) -> Signature:
        """Sign a `prompt.live` in its JSON form; see `ratchet.signing.live_bytes`."""
        return self._sign(live_bytes(payload))

    def sign_arms(self, payload: Mapping[str, object]) -> Signature:
        """Sign the rollout of a `prompt.live` in its JSON form; see `ratchet.signing.arms_bytes`."""
        return self._sign(arms_bytes(payload))

    def sign_key(self, payload: Mapping[str, object]) -> Signature:
        """Sign a `key.changed` in its JSON form; see `ratchet.signing.key_bytes`."""
        return self._sign(key_bytes(payload))

    def sign_head(self, project: str, seq: int, head: str) -> Signature:
        """Sign the last entry of a project's audit chain. `head`: its hash."""
        return self._sign(_head_bytes(project, seq, head))

    def verify_head(self, project: str, seq: int, head: str, signature: str) -> bool:
        """Return whether `signature` is this key's signature of that entry as the last one."""
        return verify(self.public, _head_bytes(project, seq, head), signature)

    def _sign(self, message: bytes) -> Signature:
        return Signature(key_id=self.key_id, value=sign(self.private, message))


def _head_bytes(project: str, seq: int, head: str) -> bytes:
    return f"ratchet.audit-head/1\n{project}\n{seq}\n{head}".encode()
