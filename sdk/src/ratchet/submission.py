"""Executions and feedback as Kafka messages, for apps that produce to Kafka instead of posting."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from ratchet.signing import secret_hash, submission_signature


class KafkaMessage(NamedTuple):
    """A message for any Kafka producer. It does not contain the API key."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def execution_message(
    api_key: str, execution: Mapping[str, object], *, idempotency_key: str | None = None, now: datetime | None = None
) -> KafkaMessage:
    """Return the message that submits `execution`, the body of a `POST /v1/executions`, signed by `api_key`.

    A message that is sent again, or created again with the same `idempotency_key` or `id`, counts once. The collector
    accepts it for seven days after `now`. Raises ValueError for a malformed API key, or values that are not JSON.
    """
    return _message("execution.submitted", api_key, execution, idempotency_key, now)


def feedback_message(
    api_key: str, feedback: Mapping[str, object], *, idempotency_key: str | None = None, now: datetime | None = None
) -> KafkaMessage:
    """Return the message that submits `feedback`, the body of a `POST /v1/feedback`, as `execution_message` does."""
    return _message("feedback.submitted", api_key, feedback, idempotency_key, now)


def _message(
    topic: str, api_key: str, content: Mapping[str, object], idempotency_key: str | None, now: datetime | None
) -> KafkaMessage:
    prefix, _, rest = api_key.strip().partition("_")
    key_id, _, secret = rest.partition("_")
    if prefix != "rk" or not key_id or not secret:
        raise ValueError("api_key must have the form rk_<id>_<secret>")
    time = (now or datetime.now(UTC)).isoformat()
    body = json.dumps(content, allow_nan=False, ensure_ascii=False)
    signature = submission_signature(secret_hash(secret), topic, key_id, time, idempotency_key, body)
    named = {} if idempotency_key is None else {"idempotency_key": idempotency_key}
    value = {"key_id": key_id, "submitted_at": time, **named, "body": body, "signature": signature}
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid.uuid4()),
        "ce_type": f"ratchet.{topic}.v1",
        "ce_source": "ratchet-python",
        "ce_time": time,
        "content-type": "application/json",
    }
    encoded = [(name, text.encode()) for name, text in headers.items()]
    return KafkaMessage(topic, (idempotency_key or "").encode(), json.dumps(value).encode(), encoded)
