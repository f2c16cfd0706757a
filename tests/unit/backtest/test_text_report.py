"""The text report, word for word; the report object is made by hand."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from ratchet_backtest.column_roles import ColumnRoles
from ratchet_backtest.detectable_drop import Detectable
from ratchet_backtest.phrases import began, describe_unused_columns, detectable_change, figure, rows, summary, threshold
from ratchet_backtest.replay_engine import LosingTerm
from ratchet_backtest.report import (
    FileLocation,
    FoundRegression,
    LeftOut,
    Report,
    Result,
    SuggestedFix,
    ThresholdOutcome,
    report_to_json,
)
from ratchet_backtest.text_report import print_report
from shared.events.quality import Cause, Losing, Measurement, RegressionDetected, Window

SEEN = Detectable(drop=7.31, before=1000, after=1000, runs=20)
MONDAY, FRIDAY = (FileLocation(at, at + 2, f"2026-03-0{day}T10:00:00+00:00") for at, day in ((0, 2), (4998, 6)))
MIDDLE, LATER = (FileLocation(at, at + 2, "2026-03-04T12:30:00+00:00") for at in (2400, 2500))
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
EVENT = RegressionDetected(
    project="backtest",
    environment="past",
    target="shop",
    regression_id=UUID(int=1),
    revision=1,
    metric="thumb",
    direction="higher_is_better",
    window=Window(start=NOON, end=NOON),
    baseline=Measurement(n=2400, mean=0.8613, low=0.844, high=0.879),
    current=Measurement(n=101, mean=0.7, low=0.601, high=0.799),
    delta_pp=-16.13,
    low_pp=-26.0,
    high_pp=-6.2,
    method="m",
    alpha=0.05,
    affected_executions=("2500",),
    causes=(
        Cause(kind="prompt_version", name="prompt", before="v1", after="v2\x1b[2J", evidence="100 values"),
        Cause(kind="unknown", evidence="nothing else changed"),
    ),
    losing=(Losing(dimension="language", level="de", n=58, delta_pp=-30.0, low_pp=-40.0, high_pp=-20.0, rest_pp=0.5),),
)
AGAIN = EVENT.model_copy(
    update={
        "returned": True,
        "certain": False,
        "losing": (),
        "causes": (
            Cause(kind="segment", name="language", before="de", after="de", evidence="a"),
            Cause(kind="model", name="model", before=None, after="m2", evidence="b"),
        ),
    }
)
WORD = LosingTerm("refund", 40, 0.5, 0.13, 0.1, 0.37, 0.2, 0.5, ("17",))
FALL = FoundRegression(LATER, MIDDLE, MIDDLE, LATER, None, EVENT, None, (WORD,))
RESULT = Result(
    target="shop",
    column="thumbs",
    metric="thumb",
    description="thumbs up and down",
    direction="higher_is_better",
    unit="pp",
    floor=5.0,
    verdict="regressed",
    missing=12,
    left_out=(LeftOut("is not a thumb up or down", 3, 17),),
    measured=Measurement(n=4987, mean=0.81234, low=0.8, high=0.825),
    falls=(FALL, replace(FALL, resolved=FRIDAY, event=AGAIN, words=())),
    threshold=ThresholdOutcome(7, 5, (MIDDLE,)),
    detectable=None,
    course=(),
)
QUIET = replace(RESULT, target=None, missing=0, left_out=(), falls=(), threshold=ThresholdOutcome(0, 0, ()))
NOTHING = Measurement(n=0, mean=0.0, low=0.0, high=1.0)
REPORT = Report(
    file="past.csv",
    unit="line",
    rows=4999,
    left_out=(LeftOut("has no time", 1, 9),),
    first=MONDAY,
    last=FRIDAY,
    shuffled=True,
    columns=ColumnRoles(time="at", values=("thumbs",), guessed={"time": "at", "segments": "language"}),
    results=(
        RESULT,
        replace(QUIET, verdict="holds", detectable=SEEN),
        replace(
            QUIET,
            verdict="holds",
            direction="lower_is_better",
            unit="%",
            floor=10.0,
            detectable=SEEN,
            threshold=ThresholdOutcome(2, 1, ()),
        ),
        replace(
            QUIET, verdict="inconclusive", detectable=replace(SEEN, drop=None), threshold=ThresholdOutcome(1, 1, ())
        ),
        replace(QUIET, verdict="no baseline yet"),
        replace(QUIET, verdict="no data", measured=NOTHING),
    ),
)
PRINTED = """\
past.csv: 4,999 rows from 2026-03-02 to 2026-03-06, sorted by time
inferred columns: time is at, segments are language
1 left out: has no time (the first: line 9)
regressed: thumbs of shop; no regression in 5 other metrics

thumbs of shop: regressed, 2 regressions would have been opened
  thumbs up and down; mean 0.812 [0.8, 0.825] n=4,987, 12 missing
  3 left out: is not a thumb up or down (the first: line 17)
  ▼ opened at line 2,502, 2026-03-04 12:30: −16.1 pp [−26.0, −6.2]
    from 0.861 [0.844, 0.879] n=2,400 to 0.7 [0.601, 0.799] n=101
    started at line 2,402, 2026-03-04 12:30 (lines 2,402 to 2,502); still open at the end
    likely prompt version: v1 → v2<U+001B>[2J (100 values)
    cause unknown: nothing else changed
    language de got worse most: −30.0 [−40.0, −20.0], the rest +0.5, n=58
    inputs with “refund” got worse: 50% of 40 bad, others 13%
  ▼ reopened at line 2,502, 2026-03-04 12:30: −16.1 pp [−26.0, −6.2]
    from 0.861 [0.844, 0.879] n=2,400 to 0.7 [0.601, 0.799] n=101
    started at line 2,402, 2026-03-04 12:30 (lines 2,402 to 2,502); resolved at line 5,000, 2026-03-06 10:00
    these causes cannot be distinguished:
    likely segment language: de (a)
    likely model: nothing → m2 (b)
  a threshold on the mean of 100 (−5 pp) would have alarmed 7 times, 5 of them outside of regressions

thumbs: holds, no regression: shown to be within 5 pp
  thumbs up and down; mean 0.812 [0.8, 0.825] n=4,987
  a threshold on the mean of 100 (−5 pp) would never have alarmed
  a drop of 7.3 pp would have been detected within 1,000 values, in 80% of 20 simulated runs on these values

thumbs: holds, no regression: shown to be within 10 %
  thumbs up and down; mean 0.812 [0.8, 0.825] n=4,987
  a threshold on the mean of 100 (+10 %) would have alarmed 2 times, 1 of them outside of regressions
  a rise of 7.3 % would have been detected within 1,000 values, in 80% of 20 simulated runs on these values

thumbs: inconclusive, no regression of 5 pp or more was detected, but one cannot be excluded
  thumbs up and down; mean 0.812 [0.8, 0.825] n=4,987
  a threshold on the mean of 100 (−5 pp) would have alarmed once, outside of a regression
  too few values: not even the largest possible change would have been detected

thumbs: no baseline yet, there is no earlier version to compare with, and too few values for a baseline
  thumbs up and down; mean 0.812 [0.8, 0.825] n=4,987
  a threshold on the mean of 100 (−5 pp) would never have alarmed

thumbs: no data, there are no values
"""


def test_text_report(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(REPORT)
    assert capsys.readouterr().out == PRINTED


def test_text_report_without_times(capsys: pytest.CaptureFixture[str]) -> None:
    bare = replace(
        REPORT, first=FileLocation(0, 1, None), last=FileLocation(9, 10, None), rows=10, shuffled=False, left_out=()
    )
    print_report(
        replace(
            bare,
            columns=ColumnRoles(values=("thumbs",)),
            results=(replace(QUIET, falls=(replace(FALL, detected_at=FileLocation(6, 7, None)),)),),
        )
    )
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "past.csv: 10 rows, in the order of the file: no time column was found (choose it with --time)"
    assert second == ""


def test_interval_is_given_in_times_if_the_file_has_another_order() -> None:
    early, late = (FileLocation(at, 4000 - at, f"2026-03-01T{at}:00:00+00:00") for at in (10, 14))
    fall = replace(FALL, since=FileLocation(12, 7, "2026-03-01T12:00:00+00:00"), earliest=early, latest=late)
    assert began(fall, "line") == "line 7, 2026-03-01 12:00 (2026-03-01 10:00 to 2026-03-01 14:00)"


def test_unused_threshold_rule_is_not_mentioned() -> None:
    few = replace(QUIET, measured=QUIET.measured.model_copy(update={"n": 199}))
    assert (threshold(few), threshold(replace(QUIET, threshold=ThresholdOutcome(1, 0, ())))) == (
        "",
        "a threshold on the mean of 100 (−5 pp) would have alarmed once, in a regression",
    )


def test_unused_columns_and_unreadable_times_are_reported() -> None:
    columns = ColumnRoles(values=("thumbs",), unused=("date",), untimed="date holds no times")
    found = replace(REPORT, first=FileLocation(0, 1, None), columns=columns)
    assert describe_unused_columns(found) == "not used: date (assign them with flags, see --help)"
    assert rows(found).endswith("in the order of the file: date holds no times")


def test_at_most_twenty_results_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(replace(REPORT, results=(QUIET,) * 25))
    description = capsys.readouterr().out
    assert description.count("regressed") == 20
    assert description.endswith("\nand 5 more: see --json or --html\n")


def test_json_contains_the_whole_report() -> None:
    found = report_to_json(REPORT)
    assert (found["schema"], found["results"][0]["falls"][0]["event"]["alpha"]) == ("ratchet.backtest/1", 0.05)
    assert found["results"][0]["falls"][0]["detected_at"] == {
        "position": 2500,
        "number": 2502,
        "time": "2026-03-04T12:30:00+00:00",
    }


def test_figures_are_rounded() -> None:
    assert [figure(value) for value in (0.8123, 999.4, 1650.4, -2.5e6)] == ["0.812", "999", "1,650", "-2,500,000"]


def test_report_of_answers_starts_with_the_drops() -> None:
    answers = replace(REPORT, unit="answer", results=REPORT.results[:1])
    assert summary(answers) == "regressed: thumbs of shop"
    assert summary(replace(answers, results=REPORT.results[1:3])) == "no regression was detected"
    assert (
        summary(replace(answers, results=REPORT.results[4:])) == "there is no baseline yet to compare these values with"
    )
    assert summary(replace(answers, unit="line")) == "", "a single metric needs no summary"
    assert rows(answers).startswith("4,999 answers from ")


def test_fix_is_shown_verbatim(capsys: pytest.CaptureFixture[str]) -> None:
    diff = "--- answer 7\n+++ answer 7, fixed\n@@ -9,0 +10 @@\n+  Cite <U+202E>."
    found = SuggestedFix("answer\x1b", 6, 7, "restore", "Restores 1 removed line.", diff)
    none = SuggestedFix("answer", 6, 7, None, "version 6 cannot be compared: it was deleted", "")
    falls = (replace(FALL, repair=found), replace(FALL, repair=none))
    print_report(replace(REPORT, results=(replace(RESULT, falls=falls),), notes=("1 left out: a note",)))
    description = capsys.readouterr().out
    assert "\n1 left out: a note\n" in description
    assert "    fix for answer<U+001B> 7: Restores 1 removed line.\n      --- answer 7\n" in description
    assert "\n      +  Cite <U+202E>.\n" in description
    assert "    no fix: version 6 cannot be compared: it was deleted\n" in description


def test_increase_is_reported_as_an_increase(capsys: pytest.CaptureFixture[str]) -> None:
    worse = replace(RESULT, column="outcome", direction="lower_is_better")
    print_report(replace(REPORT, results=(worse,)))
    description = capsys.readouterr().out
    assert "+" in description.split("opened at ")[1].split(" pp")[0]
    assert "got worse most: +30.0 [+20.0, +40.0], the rest −0.5" in description


def test_too_little_range_is_not_reported_as_too_few_values() -> None:
    near = replace(QUIET, verdict="inconclusive", detectable=replace(SEEN, drop=None, most=4.2, floor=5.0))
    assert "the largest possible change is 4.2 pp, below the floor of 5 pp" in detectable_change(near)
    assert "too few values" in detectable_change(replace(near, detectable=replace(SEEN, drop=None)))
