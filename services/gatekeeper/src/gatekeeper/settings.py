"""Settings, read from environment variables."""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator

from gatekeeper.domain.signer import Signer
from shared.runtime.settings import ServiceSettings


class GatekeeperSettings(ServiceSettings):
    """Settings of the gatekeeper.

    `signing_key` or the content of `signing_key_file` is the Ed25519 private key, base64url without padding.
    """

    service: ClassVar[str] = "gatekeeper"

    signing_key: str | None = Field(None, repr=False)
    signing_key_file: Path | None = None
    policy_version: str = Field("1", min_length=1, max_length=64, description="written into every decision")
    decision_minutes: int = Field(15, ge=1, le=1440, description="an approval expires if unused by then")
    session_hours: int = Field(12, ge=1, le=168, description="lifetime of a session")
    poll_seconds: float = Field(2.0, gt=0, le=60, description="how often missed promotions are looked for")
    rollout_seconds: float = Field(2.0, gt=0, le=60, description="how often open rollouts are assessed")
    max_streams: int = Field(2000, ge=1, description="largest number of open streams of one instance")
    max_streams_per_key: int = Field(500, ge=1, description="largest number of these with one API key")

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        self.signer()
        return self

    def signer(self) -> Signer:
        """Return the signer. Raises ValueError if there is no key, or an invalid one."""
        if self.signing_key is not None:
            return Signer(self.signing_key)
        if self.signing_key_file is None:
            raise ValueError("set RATCHET_SIGNING_KEY or RATCHET_SIGNING_KEY_FILE")
        try:
            return Signer(self.signing_key_file.read_text().strip())
        except OSError as error:
            raise ValueError(f"RATCHET_SIGNING_KEY_FILE can't be read: {error.strerror}") from None
