"""Classification of failures, and problem documents."""

import json

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import Malformed, Permanent, Retryable, UnknownMajor, reason_of
from shared.problems import Problem, printable
from shared.runtime.failure_classification import FailureClass, classify, is_connection_doubtful, is_data_fault


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
        (database("RG001"), FailureClass.UNKNOWN),  # the gatekeeper's boundary
        (database("54000"), FailureClass.UNKNOWN),  # index entry too long
        (PendingRollbackError(), FailureClass.RETRYABLE),
        (PoolTimeout(), FailureClass.RETRYABLE),
        (asyncpg.InternalClientError(), FailureClass.RETRYABLE),
        (asyncpg.InterfaceError("closed"), FailureClass.RETRYABLE),
        (asyncpg.DataError("out of range"), FailureClass.UNKNOWN),
        (Permanent(), FailureClass.PERMANENT),
        (Malformed(), FailureClass.PERMANENT),
        (UnknownMajor(), FailureClass.PERMANENT),
        (ValueError(), FailureClass.UNKNOWN),
        (KeyError(), FailureClass.UNKNOWN),
    ],
)
def test_errors_are_classified(error: Exception, kind: FailureClass) -> None:
    assert classify(error) is kind


CLASSES = st.sampled_from(["08", "0A", "25", "28", "3F", "40", "42", "53", "55", "57", "58", "F0", "HV", "XX"])


@given(CLASSES, st.from_regex("[0-9A-Z]{3}", fullmatch=True))
def test_only_values_cause_data_errors(kind: str, rest: str) -> None:
    for error in (database(kind + rest), asyncpg.PostgresError.new({"C": kind + rest, "M": "x"})):
        assert classify(error) is FailureClass.RETRYABLE
        assert not is_data_fault(error)


@given(st.sampled_from(["22", "23"]), st.from_regex("[0-9A-Z]{3}", fullmatch=True))
def test_values_that_cannot_be_stored_are_data_errors_of_both_drivers(kind: str, rest: str) -> None:
    for error in (database(kind + rest), asyncpg.PostgresError.new({"C": kind + rest, "M": "x"})):
        assert classify(error) is FailureClass.UNKNOWN
        assert is_data_fault(error)


@pytest.mark.parametrize(
    ("sqlstate", "doubtful"), [("25006", True), ("42501", True), ("40001", False), ("55P03", False), ("23505", False)]
)
def test_connection_is_discarded_if_another_may_succeed(sqlstate: str, doubtful: bool) -> None:
    assert is_connection_doubtful(database(sqlstate)) is doubtful


def test_a_dead_letter_has_a_reason() -> None:
    reasons = [reason_of(error) for error in (Malformed(), UnknownMajor(), Permanent(), ValueError())]
    assert reasons == ["malformed", "unknown-type", "permanent", "exhausted"]


def test_problem_document() -> None:
    problem = Problem(409, "base-changed", "The base changed", "look again", [{"field": "digest", "reason": "old"}])
    assert json.loads(problem.encoded()) == {
        "type": "urn:ratchet:problem:base-changed",
        "title": "The base changed",
        "status": 409,
        "code": "base-changed",
        "detail": "look again",
        "errors": [{"field": "digest", "reason": "old"}],
    }


def test_any_name_can_be_displayed() -> None:
    assert (
        printable("a\0b\ud800\x1b[31m")
        == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31m"
    )
    assert len(printable("x" * 10_000)) == 121
