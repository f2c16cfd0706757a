"""Settings, read from environment variables (`RATCHET_…`) and validated at start."""

import re
import sys
from ipaddress import ip_network
from socket import gethostname
from typing import ClassVar, Literal, NoReturn, Self

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProcessSettings(BaseSettings):
    """Settings of every process on the bus. A subclass names its service and adds its own fields."""

    model_config = SettingsConfigDict(env_prefix="RATCHET_", extra="ignore", frozen=True)

    service: ClassVar[str]

    kafka_bootstrap: str = Field(description="Kafka brokers as host:port, separated by commas")
    kafka_user: str | None = None
    kafka_password: str | None = None
    kafka_tls: bool = False
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    instance: str = Field(
        default_factory=lambda known: f"{re.sub(r'[^A-Za-z0-9.-]', '-', gethostname())[:50]}-{known.get('port', 0)}",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="name that is unique among a service's instances and stays the same after a restart",
    )
    embedded_bus: bool = Field(False, description="whether the broker is librdkafka's in-process one")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    rate_limit_key: int = Field(
        10_000, ge=0, description="maximum requests per API key, instance and 10 s; 0: no limit"
    )
    rate_limit_address: int = Field(
        5_000,
        ge=0,
        description="maximum requests per client address and 10 s, without a known key or with a browser key",
    )
    trusted_proxies: str = Field(
        "127.0.0.1,::1", description="addresses and networks, separated by commas, whose X-Forwarded-For is trusted"
    )
    dead_letter_limit: int = Field(
        60, ge=1, description="dead letters, minus one per ten processed messages, after which a consumer pauses"
    )

    @field_validator("kafka_bootstrap")
    @classmethod
    def _hosts(cls, value: str) -> str:
        if not all(host.rpartition(":")[2].isdigit() and host.rpartition(":")[0] for host in value.split(",")):
            raise ValueError("must be host:port[,host:port…]")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        for network in filter(None, value.split(",")):
            ip_network(network.strip())  # raises ValueError with the wrong value
        return value

    @classmethod
    def load(cls) -> Self:
        """Return the settings from the environment; if they are wrong, exit with a message and code 2."""
        try:
            return cls()
        except ValidationError as error:
            exit_with_message(describe(cls.service, error))


class ServiceSettings(ProcessSettings):
    """Settings of every service that has a database schema."""

    database_url: str = Field(description="PostgreSQL, for example postgresql://ratchet_collector:…@db/ratchet")
    allow_data_loss: bool = Field(
        False, description="whether to start on a PostgreSQL with fsync or synchronous_commit off"
    )
    database_pool: int = Field(5, ge=1, le=100, description="size of the connection pool")
    redis_url: str | None = None
    signing_public_keys: str = Field(
        "", description="public Ed25519 keys of the gatekeeper in base64url, separated by commas"
    )
    relay_shards: int = Field(4, ge=1, le=64)
    retention_hours: int = Field(
        72,
        ge=1,
        description="hours for which the outbox keeps sent events, and replayed or discarded dead letters are kept",
    )

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: str) -> str:
        scheme, sep, rest = value.partition("://")
        if not sep or scheme.split("+")[0] not in {"postgresql", "postgres"}:
            raise ValueError("must start with postgresql://")
        return f"postgresql+asyncpg://{rest}"


def describe(service: str, error: ValidationError) -> str:
    """Return one line that names each wrong setting by its environment variable, without its value."""
    faults = "; ".join(
        f"RATCHET_{'_'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}" for fault in error.errors()
    )
    return f"{service}: wrong settings: {faults}"


def exit_with_message(line: str) -> NoReturn:
    """Exit with code 2 and one line on standard error."""
    print(line, file=sys.stderr)
    raise SystemExit(2)
