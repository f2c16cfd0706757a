"""The Ed25519 key that signs what is live, who may speak, and where the audit chain ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ratchet.signing import key_bytes, key_id, live_bytes, public_key, sign, verify
from shared.events.promotion import Signature


@dataclass(frozen=True)
class Signer:
    """Signs with one private key (base64url of 32 bytes). Raises ValueError if it is none."""

    private: str = field(repr=False)
    public: str = field(init=False)
    key_id: str = field(init=False)

    def __post_init__(self) -> None:
        public = public_key(self.private)
        object.__setattr__(self, "public", public)
        object.__setattr__(self, "key_id", key_id(public))

    def live(self, payload: Mapping[str, object]) -> Signature:
        """Signs a `prompt.live` in its JSON form; see `ratchet.signing.live_bytes`."""
        return self._signature(live_bytes(payload))

    def key(self, payload: Mapping[str, object]) -> Signature:
        """Signs a `key.changed` in its JSON form; see `ratchet.signing.key_bytes`."""
        return self._signature(key_bytes(payload))

    def head(self, project: str, seq: int, head: str) -> Signature:
        """Signs where a project's audit chain ends."""
        return self._signature(_head_bytes(project, seq, head))

    def signed_head(self, project: str, seq: int, head: str, signature: str) -> bool:
        """Whether this key signed that the chain ends so."""
        return verify(self.public, _head_bytes(project, seq, head), signature)

    def _signature(self, message: bytes) -> Signature:
        return Signature(key_id=self.key_id, value=sign(self.private, message))


def _head_bytes(project: str, seq: int, head: str) -> bytes:
    return f"ratchet.audit-head/1\n{project}\n{seq}\n{head}".encode()
