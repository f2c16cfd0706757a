"""From a server to a report: whole histories, both APIs, and server faults."""

from collections import Counter
from datetime import timedelta

import pytest

from ratchet.tables import BadFile
from ratchet_backtest.langfuse.runner import wait_with_progress
from ratchet_backtest.report import Report, report_to_json
from ratchet_langfuse.errors import LangfuseAccessDenied, LangfuseError, Unreachable
from tests.support.langfuse import JSON, Langfuse, ScriptedResponse, error_response
from tests.support.langfuse_history import FALLEN, HEALTHY, NOW, Part, score, server_with_history
from tests.support.soak import scaled
from tests.unit.backtest.langfuse.conftest import FallenReport, RunReport

VERSIONS = ("4.16.0", "3.150.1", "2.95.11")
CURSORS, PAGES = VERSIONS[:2]


def found(report: Report) -> list[tuple[str, str, int]]:
    return [(result.column, result.verdict, result.measured.n) for result in report.results]


def requested_paths(server: Langfuse) -> set[str]:
    return {path.removeprefix("/api/public/") for path in server.paths()}


@pytest.mark.parametrize("version", VERSIONS)
def test_drop_is_found_dated_and_explained_with_any_api_version(fallen_report: FallenReport, version: str) -> None:
    _, report = fallen_report(version)
    (result,) = report.results
    (fall,) = result.falls
    cause = fall.event.causes[0]
    assert (report.file, report.rows) == ("Langfuse at http://langfuse.test", 800)
    assert (result.target, result.column, result.verdict) == ("support-bot", "user-thumbs", "regressed")
    assert (cause.kind, cause.name, cause.before, cause.after) == ("prompt_version", "answer", "6", "7")
    assert 400 <= fall.since.position < fall.detected_at.position < 700
    assert fall.since.time is not None
    assert fall.since.time.startswith("2026-03-17")
    assert fall.event.affected_executions[0].startswith("t")
    assert fall.repair is not None
    assert "+  Cite the article that you took it from." in fall.repair.diff.split("\n")


@pytest.mark.simulation
@pytest.mark.parametrize("version", scaled(VERSIONS, VERSIONS, unit=VERSIONS[:1]))
def test_detectable_size_is_stated_without_a_drop(run_report: RunReport, version: str) -> None:
    (result,) = run_report(server_with_history(*HEALTHY, version=version)).results
    assert (result.verdict in ("holds", "inconclusive"), result.falls) == (True, ())
    assert result.detectable is not None
    assert result.detectable.drop is not None
    assert 2.0 < result.detectable.drop < 30.0


@pytest.mark.parametrize("version", VERSIONS)
def test_only_get_requests_are_sent(fallen_report: FallenReport, version: str) -> None:
    server, _ = fallen_report(version)
    assert {method for method, _, _ in server.requests} == {"GET"}
    assert len(server.requests) > 15


def test_each_server_version_gets_its_own_requests(fallen_report: FallenReport) -> None:
    newer, older, oldest = (server for server, _ in map(fallen_report, VERSIONS))
    common = {"health", "score-configs", "v2/prompts/answer"}
    assert requested_paths(newer) == {*common, "v3/scores", "v2/observations"}
    assert requested_paths(older) == {*common, "traces", "observations", "v2/scores"}
    assert requested_paths(oldest) == {*common, "traces", "observations", "v2/scores", "scores"}


@pytest.mark.parametrize("version", [CURSORS, PAGES])
def test_repeated_items_count_once(run_report: RunReport, fallen_report: FallenReport, version: str) -> None:
    """Items at the borders of windows, and pages that repeat the end of the previous one."""
    (server, report), twin = fallen_report(version), server_with_history(*FALLEN, version=version)
    twin.max_page_size, twin.page_overlap = 20, 7
    assert report_to_json(run_report(twin)) == report_to_json(report)
    assert len(twin.requests) > len(server.requests)


@pytest.mark.parametrize("version", [CURSORS, PAGES])
def test_repeating_pages_are_detected(run_report: RunReport, version: str) -> None:
    server = server_with_history(*FALLEN, version=version)
    server.repeats_cursor = True
    with pytest.raises(LangfuseError, match="repeats a page"):
        run_report(server)
    assert len(server.requests) < 10


def test_transient_faults_change_nothing(
    run_report: RunReport, fallen_report: FallenReport, waits: list[float]
) -> None:
    server, (_, untouched) = server_with_history(*FALLEN), fallen_report(CURSORS)
    page = ScriptedResponse(body=b'{"data": [{"id": "s', headers=JSON)
    server.faults["/api/public/v3/scores"] = [
        error_response(429, retry_after="3"),
        error_response(500),
        page,
        ScriptedResponse(dropped=True),
    ]
    server.faults["/api/public/v2/observations"] = [error_response(503), error_response(429)]
    assert report_to_json(run_report(server)) == report_to_json(untouched)
    assert waits == [3.0, 1.0, 2.0, 4.0, 1.0, 10.0]


@pytest.mark.parametrize(
    ("path", "fault", "kind"),
    [
        ("v3/scores", error_response(401), LangfuseAccessDenied),
        ("v2/observations", error_response(404), LangfuseError),
        ("v2/prompts/answer", error_response(403), LangfuseAccessDenied),
        ("v2/prompts/answer", ScriptedResponse(body=b'{"prompt": 7}'), LangfuseError),
        ("health", ScriptedResponse(dropped=True), Unreachable),
        ("health", ScriptedResponse(body=b'{"version": "next"}'), LangfuseError),
    ],
)
def test_permanent_error_gives_no_partial_report(
    run_report: RunReport, path: str, fault: ScriptedResponse, kind: type[LangfuseError]
) -> None:
    server = server_with_history(*FALLEN)
    server.faults[f"/api/public/{path}"] = [fault]
    with pytest.raises(kind, match=r"http://langfuse\.test"):
        run_report(server)


def test_empty_project_is_reported(run_report: RunReport) -> None:
    with pytest.raises(BadFile, match="has no traces in the last 7 days"):
        run_report(Langfuse(), days=7)


def test_only_the_requested_days_are_read(run_report: RunReport) -> None:
    server = server_with_history(Part(6, 400, 0.9), days=28)
    report = run_report(server, days=7)
    assert 90 <= report.rows <= 100
    starts = [params["fromStartTime"] for _, _, params in server.requests if "fromStartTime" in params]
    assert min(starts) == "2026-03-24T12:00:00.000Z"


def test_incomplete_recent_data_is_not_read(fallen_report: FallenReport) -> None:
    server, _ = fallen_report(CURSORS)
    assert max(params["toStartTime"] for _, _, params in server.requests if "toStartTime" in params) == (
        "2026-03-31T11:50:00.000Z"
    )


def test_score_configurations_are_optional(run_report: RunReport) -> None:
    server = server_with_history(*FALLEN)
    server.faults["/api/public/score-configs"] = [error_response(404)]
    assert run_report(server).results[0].falls


def test_limits_of_scores_are_read(run_report: RunReport) -> None:
    server = server_with_history(*FALLEN)
    server.configs = [{"name": "quality", "minValue": 0, "maxValue": 40}, {"name": "tone", "minValue": 1}]
    server.scores += [score(number, "quality", 10.0 * (number % 4), NOW - timedelta(hours=2)) for number in range(300)]
    assert "scores from 0 to 40, 40 is best" in [result.description for result in run_report(server).results]


def test_two_prompts_in_a_trace_are_distinguished(run_report: RunReport) -> None:
    """The prompt that changed is named, not the other one."""
    server = server_with_history(*FALLEN)
    others = [
        {**each, "id": f"{each['id']}2", "promptName": "router", "promptVersion": 3}
        for each in server.observations
        if each["type"] == "GENERATION"
    ]
    server.observations += others
    (fall,) = run_report(server).results[0].falls
    cause = fall.event.causes[0]
    assert (cause.name, cause.before, cause.after) == ("answer", "6", "7")


def test_scores_of_people_and_of_judges_are_separate(run_report: RunReport) -> None:
    server = server_with_history(*FALLEN)
    opinions = list(server.scores)
    server.scores += [{**each, "id": f"e{each['id']}", "source": "EVAL", "value": True} for each in opinions]
    report = run_report(server)
    assert Counter(result.column for result in report.results) == Counter(["user-thumbs (api)", "user-thumbs (eval)"])


def test_omissions_are_reported(run_report: RunReport) -> None:
    server = server_with_history(*FALLEN)
    server.scores.append(
        score(1, "user-thumbs", True, NOW - timedelta(hours=2), id="s", subject={"kind": "session", "id": "x"})
    )
    server.scores += [score(number, "length", 10.0 * number, NOW - timedelta(hours=2)) for number in range(5)]
    notes = run_report(server).notes
    assert notes[0].startswith("left out: length contains numbers from 0 to 40 on an unknown scale")
    assert notes[1] == "1 left out: scores of sessions and experiments, which are not about a single answer"


def test_inputs_are_read_only_if_requested(run_report: RunReport) -> None:
    """Words of inputs that lost; only then are inputs requested from the server."""
    server = server_with_history(*FALLEN)
    for number, each in enumerate(server.observations):
        each["input"] = "How do I return a lamp?" if number % 4 < 2 else "Which bulb fits?"
    run_report(server)
    assert not any("io" in params.get("fields", "") for _, _, params in server.requests)
    report = run_report(server, input="input")
    assert any(params.get("fields") == "basic,metrics,trace_context,io" for _, _, params in server.requests)
    assert report.columns.input == "input"


def test_wait_progress_is_reported_each_second() -> None:
    slept: list[float] = []
    steps: list[tuple[str, int]] = []
    pause = wait_with_progress(lambda stage, total: lambda done: steps.append((stage, done)), slept.append)
    pause(2.5, "too many requests")
    assert slept == [1.0, 1.0, 0.5]
    assert steps == [("waiting: too many requests", done) for done in (1, 2, 3)]
