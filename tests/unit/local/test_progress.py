"""Progress messages on the terminal."""

from typing import Any

from ratchet_local.progress import ApiSnapshot, ProgressReporter

URL, YOU = "http://127.0.0.1:8080", "reviewer"
BY_SERVICE = {"author": "proposer", "author_kind": "service"}
BAD, GOOD = "sha256:" + "b" * 64, "sha256:" + "a" * 64


def measured(mean: float, n: int) -> dict[str, Any]:
    return {"mean": mean, "low": mean - 0.05, "high": mean + 0.05, "n": n}


def regression(state: str = "open", **parts: Any) -> dict[str, Any]:
    sides = {"baseline": measured(0.9, 400), "current": measured(0.6, 100), "recovered": measured(0.88, 120)}
    cause = [{"kind": "prompt_version"}]
    return {
        "regression_id": "r1",
        "state": state,
        "metric": "thumb",
        "target": "bot",
        "causes": cause,
        **sides,
        **parts,
    }


def proposal(state: str = "open", **parts: Any) -> dict[str, Any]:
    return {"id": "p1", "state": state, "name": "answer", "kind": "restore", **BY_SERVICE, **parts}


def quality(identity: str, n: int, metric: str = "thumb") -> dict[str, Any]:
    return {"identity": identity, "metric": metric, "prompt": "answer", "measurement": measured(0.9, n)}


def pages(*, regressions: Any = (), proposals: Any = (), values: Any = ()) -> ApiSnapshot:
    return ApiSnapshot(regressions, proposals, values)


def test_each_event_is_reported_once_with_the_next_step() -> None:
    reporter = ProgressReporter(URL, YOU)
    assert reporter.changes(pages()) == []
    lines = reporter.changes(pages(regressions=[regression()], proposals=[proposal()]))
    assert lines[0] == "! thumb of bot got worse: 90.0 % (n=400) → 60.0 % (n=100); likely cause: prompt version"
    assert lines[1] == f"  why:  {URL}/regressions/r1"
    assert lines[-1].endswith("ratchet approve p1")
    waiting = ProgressReporter("http://x", "ann").changes(pages(proposals=[proposal(evaluation_rule="required")]))
    assert waiting[-1].endswith("ratchet approve p1 (after its test has passed)")
    assert reporter.changes(pages(regressions=[regression()], proposals=[proposal()])) == []
    closed = pages(regressions=[regression("resolved")], proposals=[proposal("approved")])
    assert reporter.changes(closed) == ["✓ thumb of bot has recovered: 88.0 % (n=120)", "· the proposal p1 is approved"]


def test_only_open_items_from_before_the_start_are_reported() -> None:
    reporter = ProgressReporter(URL, YOU)
    lines = reporter.changes(pages(regressions=[regression("resolved")], proposals=[proposal()]))
    assert [line[0] for line in lines] == ["?", " ", " "]


def test_example_sets_are_reported_once() -> None:
    reporter = ProgressReporter(URL, YOU)
    first = reporter.changes(pages(proposals=[proposal(kind="few_shot")]))
    after = pages(proposals=[proposal(kind="few_shot", id="p2"), proposal("withdrawn", kind="few_shot")])
    assert len(first) == 1
    assert reporter.changes(after) == []


def test_regression_without_causes_or_shares() -> None:
    slow = regression(metric="latency_ms", causes=[], baseline=measured(412.4, 9), current=measured(1803.2, 4135))
    assert ProgressReporter(URL, YOU).changes(pages(regressions=[slow]))[0] == (
        "! latency_ms of bot got worse: 412 ms (n=9) → 1,803 ms (n=4,135); likely cause: unknown"
    )


def test_a_side_without_values_is_unknown() -> None:
    lines = ProgressReporter(URL, YOU).changes(pages(regressions=[regression(baseline=measured(0.0, 0))]))
    assert "got worse: unknown → 60.0 % (n=100)" in lines[0]


def test_edit_waits_for_a_person_other_than_its_author() -> None:
    edit = {"kind": "edit", "author_kind": "person"}
    own = ProgressReporter(URL, YOU).changes(pages(proposals=[proposal(author=YOU, **edit)]))
    assert own == ["· an edit of answer by reviewer waits for another reviewer", f"  look: {URL}/proposals/p1"]
    others = ProgressReporter(URL, YOU).changes(pages(proposals=[proposal(author="olga", **edit)]))
    assert others[0] == "? a proposal by olga for the prompt answer waits for you (edit)"
    assert others[-1].endswith("ratchet approve p1")


def test_the_status_is_of_the_version_in_use() -> None:
    reporter = ProgressReporter(URL, YOU)
    assert reporter.status(pages()) == "waiting for the first answers"
    first = pages(values=[quality(GOOD, 50), quality(GOOD, 900, "error_rate")])
    assert reporter.changes(first) == []
    assert reporter.status(first) == "900 answers · this version: 90 % liked [85, 95], n=50"
    now = [quality(GOOD, 50), quality(BAD, 4135), quality(GOOD, 900, "error_rate"), quality(BAD, 9000, "error_rate")]
    assert reporter.changes(pages(values=now)) == ["· a new version of answer is in use: bbbbbbbbbbbb"]
    for _ in range(2):
        assert reporter.status(pages(values=now)) == "9,900 answers · this version: 90 % liked [85, 95], n=4,135"
        assert reporter.changes(pages(values=now)) == [], "nothing new: still the same version"


def test_version_is_in_use_once_the_previous_gets_no_feedback() -> None:
    reporter = ProgressReporter(URL, YOU)
    assert reporter.changes(pages(values=[quality(GOOD, 40)])) == []
    counts = [(50, 0), (55, 3), (55, 9), (58, 9)]
    lines = [reporter.changes(pages(values=[quality(GOOD, good), quality(BAD, bad)])) for good, bad in counts]
    new, again = "· a new version of answer is in use: ", "· an earlier version of answer is in use again: "
    assert lines == [[], [], [new + "b" * 12], [again + "a" * 12]]


def test_feedback_from_before_the_start_does_not_determine_the_version() -> None:
    reporter = ProgressReporter(URL, YOU)
    reporter.changes(pages(values=[quality(GOOD, 500), quality(BAD, 90)]))
    then = pages(values=[quality(GOOD, 500), quality(BAD, 95), quality(GOOD, 900, "error_rate")])
    assert "this version" not in reporter.status(then)
    assert reporter.changes(then) == []
    assert "n=95" in reporter.status(then)


def evaluation(verdict: str = "pass", **parts: Any) -> dict[str, Any]:
    interval = {"difference": 0.312, "low": 0.05, "high": 0.474}
    return {"id": "e1", "verdict": verdict, "cases": 46, "reason": "not shown", **interval, **parts}


def test_each_verdict_is_reported_once_while_the_proposal_is_open() -> None:
    reporter = ProgressReporter(URL, YOU)
    reporter.changes(pages(proposals=[proposal(evaluation=None)]))
    tested = pages(proposals=[proposal(evaluation=evaluation())])
    line = "✓ the proposal for answer was tested on 46 cases: pass, better by 31 pp (95 % interval +5 to +47 pp)"
    assert reporter.changes(tested) == [line]
    assert reporter.changes(tested) == []
    worse = evaluation("fail", id="e2", difference=-0.2, low=-0.3, high=-0.1)
    assert reporter.changes(pages(proposals=[proposal(evaluation=worse)])) == [
        "! the proposal for answer was tested on 46 cases: fail, worse by 20 pp (95 % interval -30 to -10 pp)"
    ]
    unknown = evaluation("inconclusive", id="e3", difference=None, low=None, high=None)
    assert reporter.changes(pages(proposals=[proposal(evaluation=unknown)]))[0].endswith(": inconclusive, not shown")
    decided = pages(proposals=[proposal("approved", evaluation=evaluation(id="e4"))])
    assert reporter.changes(decided) == ["· the proposal p1 is approved"]
