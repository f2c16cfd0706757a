"""Which messages are about a user."""

import json
from typing import Any

import pytest

from collector.domain.erasure import is_about, submitted_by
from collector.domain.group_plan import users_in
from collector.domain.model import Origin
from collector.domain.request_context import PseudonymKey, RequestContext
from collector.domain.validation import parse_execution
from tests.support.messaging import NOW

KEY = PseudonymKey("k1", b"x" * 32)
SUBJECT = KEY.pseudonym("shop", "u")
OTHER = KEY.pseudonym("shop", "v")


def message(**fields: Any) -> bytes:
    return json.dumps({"project": "shop", **fields}).encode()


@pytest.mark.parametrize(
    ("topic", "payload", "expected"),
    [
        ("execution.recorded", message(facts={"user": SUBJECT}), True),
        ("execution.recorded", message(facts={"user": OTHER}), False),
        ("execution.recorded", message(facts={"user": OTHER, "input": f"about {SUBJECT}"}), False),
        ("execution.recorded", json.dumps({"project": "bank", "facts": {"user": SUBJECT}}).encode(), False),
        ("feedback.created", message(user=SUBJECT, execution={"user": OTHER}), True),
        ("feedback.created", message(user=OTHER, execution={"user": SUBJECT}), True),
        ("feedback.created", message(user=OTHER), False),
        ("feedback.created.dlq", f"broken {SUBJECT}".encode(), True),
        ("feedback.created.dlq", b"broken", False),
    ],
)
def test_message_is_about_its_user_and_that_of_its_execution(topic: str, payload: bytes, expected: bool) -> None:
    assert is_about(topic, payload, "shop", SUBJECT) == expected


@pytest.mark.parametrize("body", [{"user": "u"}, {"user": "u", "input": "x"}])
def test_submission_is_that_of_the_user_in_its_body(body: dict[str, Any]) -> None:
    payload = json.dumps({"key_id": "k", "body": json.dumps(body)}).encode()
    assert submitted_by(payload, SUBJECT, lambda user: KEY.pseudonym("shop", user))
    assert not submitted_by(payload, OTHER, lambda user: KEY.pseudonym("shop", user))


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b'{"body": 1}', b'{"body": "{}"}', b'{"body": "{\\"user\\": null}"}']
)
def test_unreadable_submission_is_nobody_s(payload: bytes) -> None:
    assert not submitted_by(payload, SUBJECT, lambda user: KEY.pseudonym("shop", user))


def test_user_is_found_in_facts_and_not_in_a_text() -> None:
    body = {"target": "t", "user": "u", "input": '{"user":"k1:1"}', "attributes": {"user": "x"}}
    item = parse_execution(body, RequestContext("key", Origin("shop", "production", NOW), KEY))
    found = users_in(item.facts)
    assert found[0] == item.user
    assert set(found) == {item.user, "x"}
