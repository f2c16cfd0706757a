"""Authentication and encryption of connections to Kafka."""

import ssl
from typing import Any

from faststream.security import BaseSecurity, SASLPlaintext

from shared.runtime.settings import ProcessSettings


def _tls(settings: ProcessSettings) -> ssl.SSLContext | None:
    return ssl.create_default_context() if settings.kafka_tls else None


def security_options(settings: ProcessSettings) -> dict[str, Any]:
    """Return arguments for an aiokafka client: SASL PLAIN if a user is set, TLS if `kafka_tls` is."""
    tls = _tls(settings)
    if settings.kafka_user is None:
        return {"security_protocol": "SSL", "ssl_context": tls} if tls else {}
    return {
        "security_protocol": "SASL_SSL" if tls else "SASL_PLAINTEXT",
        "ssl_context": tls,
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": settings.kafka_user,
        "sasl_plain_password": settings.kafka_password or "",
    }


def faststream_security(settings: ProcessSettings) -> BaseSecurity | None:
    """Return the same options for FastStream's broker."""
    tls = _tls(settings)
    if settings.kafka_user is None:
        return BaseSecurity(ssl_context=tls, use_ssl=True) if tls else None
    return SASLPlaintext(
        username=settings.kafka_user, password=settings.kafka_password or "", ssl_context=tls, use_ssl=tls is not None
    )
