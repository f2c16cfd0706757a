"""Queries of Logs Insights: waits, deadlines, faults."""

from datetime import timedelta

import pytest
from botocore import exceptions

from collector.pulls.insights_client import InsightsClient, QueryTooSlow
from collector.pulls.insights_errors import explain
from collector.pulls.pull_source import SourceError, Stopped
from tests.support.cloudwatch import GROUP, FakeLogs, Waits, refusal
from tests.support.pulls import NOW

START, END = int(NOW.timestamp()) - 3600, int(NOW.timestamp())
LOST = exceptions.EndpointConnectionError(endpoint_url="https://logs.test")


@pytest.fixture
def logs() -> FakeLogs:
    found = FakeLogs()
    for minutes in range(1, 6):
        found.put(NOW - timedelta(minutes=minutes), f"line {minutes}")
    return found


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def client(logs: FakeLogs, waits: Waits) -> InsightsClient:
    return InsightsClient(logs, 60.0, waits.wait, waits.monotonic)


def messages(client: InsightsClient, limit: int = 100) -> list[str]:
    rows = client.query([GROUP], "fields @timestamp", START, END, limit)
    return [cell["value"] for row in rows for cell in row if cell["field"] == "@message"]


def test_result_is_polled_with_growing_pauses(client: InsightsClient, logs: FakeLogs, waits: Waits) -> None:
    logs.statuses = ["Scheduled", *["Running"] * 7, "Unknown"]
    assert messages(client) == [f"line {minutes}" for minutes in (5, 4, 3, 2, 1)]
    assert waits.seconds[:3] == [0.5, 0.75, 1.125]
    assert (len(waits.seconds), waits.seconds[-1]) == (9, 5.0)
    assert "stop_query" not in logs.calls


def test_pages_are_read_to_the_end(client: InsightsClient, logs: FakeLogs) -> None:
    logs.page_size = 2
    assert len(messages(client)) == 5


def test_parts_of_a_running_query_are_not_the_result(client: InsightsClient, logs: FakeLogs) -> None:
    logs.statuses = ["Running"]
    assert len(messages(client, limit=3)) == 3


@pytest.mark.parametrize("status", ["Running", "Unknown"])
def test_query_that_does_not_end_is_stopped(client: InsightsClient, logs: FakeLogs, waits: Waits, status: str) -> None:
    logs.statuses = [status] * 100
    with pytest.raises(QueryTooSlow):
        messages(client)
    assert 60.0 <= waits.now <= 65.0
    assert logs.calls[-1] == "stop_query"


def test_query_that_does_not_begin_is_an_error(client: InsightsClient, logs: FakeLogs) -> None:
    logs.statuses = ["Scheduled"] * 100
    logs.faults["stop_query"] = [refusal("InvalidParameterException", "not running")]
    with pytest.raises(SourceError, match="did not begin a query within 60 s") as caught:
        messages(client)
    assert caught.value.code == "unreachable"


def test_ends_of_the_service_have_a_meaning(client: InsightsClient, logs: FakeLogs) -> None:
    logs.statuses = ["Timeout", "Failed", "Cancelled"]
    with pytest.raises(QueryTooSlow):
        messages(client)
    for status in ("Failed", "Cancelled"):
        with pytest.raises(SourceError, match=f"ended the query with the status {status}"):
            messages(client)


@pytest.mark.parametrize(
    "fault",
    [
        refusal("LimitExceededException"),
        refusal("ThrottlingException", "Rate exceeded"),
        refusal("ServiceUnavailableException", status=503),
        refusal("Anything", status=500),
        refusal("TooMany", status=429),
        LOST,
        exceptions.ReadTimeoutError(endpoint_url="https://logs.test"),
    ],
)
@pytest.mark.parametrize("operation", ["start_query", "get_query_results"])
def test_what_passes_is_repeated(
    client: InsightsClient, logs: FakeLogs, waits: Waits, operation: str, fault: Exception
) -> None:
    logs.faults[operation] = [fault, fault]
    assert len(messages(client)) == 5
    assert waits.seconds == [1.0, 2.0]


@pytest.mark.parametrize(
    ("fault", "code", "words", "tries"),
    [
        (refusal("LimitExceededException", "30 queries"), "unreachable", "limits requests: LimitExceededExce", 6),
        (LOST, "unreachable", "is unreachable: EndpointConnectionError", 6),
        (refusal("AccessDeniedException", "no logs:StartQuery"), "access-denied", "denies access: AccessDenied", 1),
        (refusal("Other", status=403), "access-denied", "denies access: Other", 1),
        (exceptions.NoCredentialsError(), "access-denied", "no credentials", 1),
        (refusal("MalformedQueryException", "unexpected symbol"), "invalid-answer", "refuses the query: Malformed", 1),
        (refusal("ResourceNotFoundException", "Log group '/x'"), "invalid-answer", "Log group '/x'", 1),
        (refusal("InvalidSignatureException", "no match.\nCanonical: SECRET"), "access-denied", "no match.", 1),
    ],
)
def test_lasting_faults_have_a_code(
    client: InsightsClient, logs: FakeLogs, fault: Exception, code: str, words: str, tries: int
) -> None:
    logs.faults["start_query"] = [fault] * 10
    with pytest.raises(SourceError) as caught:
        messages(client)
    assert (caught.value.code, len(logs.calls)) == (code, tries)
    assert words in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_fault_of_ratchet_is_raised_as_it_is() -> None:
    with pytest.raises(exceptions.ParamValidationError):
        explain(exceptions.ParamValidationError(report="limit"))


def test_process_that_ends_stops_waits_and_the_query(client: InsightsClient, logs: FakeLogs, waits: Waits) -> None:
    logs.statuses = ["Running"] * 3
    waits.ends = True
    with pytest.raises(Stopped):
        messages(client)
    assert logs.calls[-1] == "stop_query"
    client.close()
    assert logs.closed


def test_log_groups_are_given_by_arn_where_one_is() -> None:
    arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/app"
    logs = FakeLogs()
    client = InsightsClient(logs, 60.0)
    with pytest.raises(KeyError):  # the fake knows only names
        client.query([GROUP, arn], "", 0, 1, 1)
    assert logs.queries["q0"]["logGroupIdentifiers"] == [GROUP, arn]
    assert "logGroupNames" not in logs.queries["q0"]
