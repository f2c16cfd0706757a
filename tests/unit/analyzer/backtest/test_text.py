"""What a terminal shows, word for word; the report is made by hand."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from analyzer.backtest.columns import Columns
from analyzer.backtest.detectable import Detectable
from analyzer.backtest.report import Fall, LeftOut, Place, Report, Result, Threshold, plain
from analyzer.backtest.text import show
from shared.events.quality import Cause, Measurement, RegressionDetected, Window

SEEN = Detectable(drop=0.0731, before=1000, after=1000)
MONDAY, FRIDAY = (Place(at, at + 2, f"2026-03-0{day}T10:00:00+00:00") for at, day in ((0, 2), (4998, 6)))
MIDDLE, LATER = (Place(at, at + 2, "2026-03-04T12:30:00+00:00") for at in (2400, 2500))
CAUSE = Cause(kind="prompt_version", name="prompt", before="v1", after="v2\x1b[2J", evidence="100 values of it")
EVENT = RegressionDetected(
    project="backtest",
    environment="past",
    target="shop",
    regression_id=UUID(int=1),
    revision=1,
    metric="thumb",
    direction="higher_is_better",
    window=Window(start=datetime(2026, 3, 4, tzinfo=UTC), end=datetime(2026, 3, 5, tzinfo=UTC)),
    baseline=Measurement(n=2400, mean=0.8613, low=0.844, high=0.879),
    current=Measurement(n=101, mean=0.7, low=0.601, high=0.799),
    delta_pp=-16.13,
    method="m",
    alpha=0.05,
    affected_executions=("2500",),
    causes=(CAUSE, Cause(kind="unknown", evidence="nothing else changed")),
)
FALL = Fall(
    raised=LATER,
    since=MIDDLE,
    resolved=None,
    baseline=EVENT.baseline,
    current=EVENT.current,
    delta_pp=EVENT.delta_pp,
    causes=EVENT.causes,
    event=EVENT.model_dump(mode="json"),
    resolution=None,
)
RESULT = Result(
    target="shop",
    column="thumbs",
    metric="thumb",
    told="thumbs up and down",
    direction="higher_is_better",
    floor_pp=5.0,
    verdict="regressed",
    missing=12,
    left_out=(LeftOut("is no thumb up or down", 3, 17),),
    measured=Measurement(n=4987, mean=0.81234, low=0.8, high=0.825),
    falls=(FALL, replace(FALL, resolved=FRIDAY)),
    threshold=Threshold(7, 5, (MIDDLE,)),
    detectable=None,
    course=(),
)
QUIET = replace(RESULT, target=None, missing=0, left_out=(), falls=())
REPORT = Report(
    file="past.csv",
    unit="line",
    rows=4999,
    left_out=(LeftOut("has no time", 1, 9),),
    first=MONDAY,
    last=FRIDAY,
    shuffled=True,
    columns=Columns(time="at", values=("thumbs",), guessed={"time": "at", "value": "thumbs"}),
    results=(
        RESULT,
        replace(QUIET, verdict="holds", detectable=SEEN, threshold=Threshold(0, 0, ())),
        replace(QUIET, verdict="inconclusive", detectable=replace(SEEN, drop=None), threshold=Threshold(1, 1, ())),
        replace(QUIET, verdict="no data", threshold=Threshold(0, 0, ())),
    ),
)
TOLD = """\
past.csv: 4,999 rows from 2026-03-02 to 2026-03-06, put in the order of their times
guessed: time is at, value is thumbs
1 left out: has no time (the first: line 9)

thumbs of shop: regressed, 2 regressions would have been raised
  thumbs up and down; mean 0.812 [0.8, 0.825] n=4,987, 12 missing
  3 left out: is no thumb up or down (the first: line 17)
  ▼ line 2,502, 2026-03-04 12:30: 0.861 [0.844, 0.879] n=2,400 → 0.7 [0.601, 0.799] n=101, −16.1 pp
    likely prompt version: v1 → v2\\u{1b}[2J (100 values of it)
    cause unknown: nothing else changed
    still open at the end
  ▼ line 2,502, 2026-03-04 12:30: 0.861 [0.844, 0.879] n=2,400 → 0.7 [0.601, 0.799] n=101, −16.1 pp
    likely prompt version: v1 → v2\\u{1b}[2J (100 values of it)
    cause unknown: nothing else changed
    resolved at line 5,000, 2026-03-06 10:00
  a threshold on the mean of 100 (−5 pp) would have cried 7 times, 5 of them while nothing fell

thumbs: holds, nothing fell: shown to be within 5 pp
  thumbs up and down; mean 0.812 [0.8, 0.825] n=4,987
  a threshold on the mean of 100 (−5 pp) would have cried never
  a fall of 7.3 pp would have been raised within 1,000 values, in 80% of 20 simulated runs on these values

thumbs: inconclusive, no fall was found, and it is not shown that none of 5 pp was there
  thumbs up and down; mean 0.812 [0.8, 0.825] n=4,987
  a threshold on the mean of 100 (−5 pp) would have cried once, while nothing fell
  too few values: not even a fall to the worst value would have been raised within 1,000 values

thumbs: no data, there are no values
"""


def test_a_report_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show(REPORT)
    assert capsys.readouterr().out == TOLD


def test_a_report_without_times(capsys: pytest.CaptureFixture[str]) -> None:
    bare = replace(REPORT, first=Place(0, 1, None), last=Place(9, 10, None), rows=10, shuffled=False, left_out=())
    show(
        replace(
            bare,
            columns=Columns(values=("thumbs",)),
            results=(replace(QUIET, falls=(replace(FALL, raised=Place(6, 7, None)),)),),
        )
    )
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "past.csv: 10 rows, in the order of the file: no column has their times"
    assert second == ""


def test_no_more_than_twenty_results_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show(replace(REPORT, results=(QUIET,) * 25))
    told = capsys.readouterr().out
    assert told.count("regressed") == 20
    assert told.endswith("\nand 5 more: --json or --html has all of them\n")


def test_json_types_hold_all_of_it() -> None:
    found = plain(REPORT)
    assert (found["schema"], found["results"][0]["falls"][0]["event"]["alpha"]) == ("ratchet.backtest/1", 0.05)
    assert found["results"][0]["falls"][0]["raised"] == {
        "position": 2500,
        "number": 2502,
        "time": "2026-03-04T12:30:00+00:00",
    }
