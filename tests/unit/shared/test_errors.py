"""What a failure means, and how problems are told."""

import json

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError

from shared.messaging.errors import FailureClass, Malformed, Permanent, Retryable, UnknownMajor, classify, reason_of
from shared.web.problems import Problem, printable


class DriverError(Exception):
    def __init__(self, sqlstate: str | None) -> None:
        self.sqlstate = sqlstate


def database(sqlstate: str | None, kind: type[DBAPIError] = DBAPIError) -> DBAPIError:
    return kind("SELECT 1", {}, DriverError(sqlstate))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Retryable(), FailureClass.RETRYABLE),
        (ConnectionResetError(), FailureClass.RETRYABLE),
        (TimeoutError(), FailureClass.RETRYABLE),
        (database("40P01"), FailureClass.RETRYABLE),  # deadlock
        (database("57P01"), FailureClass.RETRYABLE),  # the server is shut down
        (database("53300"), FailureClass.RETRYABLE),  # too many connections
        (database("55P03"), FailureClass.RETRYABLE),  # lock not available
        (database(None, InterfaceError), FailureClass.RETRYABLE),
        (database("23505", IntegrityError), FailureClass.UNKNOWN),
        (database("42601"), FailureClass.UNKNOWN),
        (Permanent(), FailureClass.PERMANENT),
        (Malformed(), FailureClass.PERMANENT),
        (UnknownMajor(), FailureClass.PERMANENT),
        (ValueError(), FailureClass.UNKNOWN),
        (KeyError(), FailureClass.UNKNOWN),
    ],
)
def test_an_error_has_a_class(error: Exception, kind: FailureClass) -> None:
    assert classify(error) is kind


def test_a_dead_letter_has_a_reason() -> None:
    reasons = [reason_of(error) for error in (Malformed(), UnknownMajor(), Permanent(), ValueError())]
    assert reasons == ["malformed", "unknown-type", "permanent", "exhausted"]


def test_a_problem_is_a_document() -> None:
    problem = Problem(409, "base-changed", "The base changed", "look again", [{"field": "digest", "reason": "old"}])
    assert json.loads(problem.encoded()) == {
        "type": "urn:ratchet:problem:base-changed",
        "title": "The base changed",
        "status": 409,
        "code": "base-changed",
        "detail": "look again",
        "errors": [{"field": "digest", "reason": "old"}],
    }


def test_a_name_can_be_shown_whatever_it_holds() -> None:
    assert (
        printable("a\0b\ud800\x1b[31m")
        == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31m"
    )
    assert len(printable("x" * 10_000)) == 121
