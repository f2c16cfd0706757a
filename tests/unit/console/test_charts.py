"""The data of the chart of a regression."""

import json
from typing import Any

from console.domain.charts import chart
from console.domain.sparkline import sparkline
from tests.support.console import DIGEST, NOW, OTHER

REGRESSION: dict[str, Any] = {
    "metric": "thumb",
    "causes": [],
    "opened_at": NOW,
    "change": {"low": "2026-01-02T03:00:20Z", "high": "2026-01-02T03:00:30Z"},
}


def window(identity: str, second: int, mean: float = 0.5) -> dict[str, Any]:
    start, end = (f"2026-01-02T03:{at // 60:02}:{at % 60:02}Z" for at in (second, second + 10))
    return {
        "identity": identity,
        "start": start,
        "end": end,
        "n": 9,
        "mean": mean,
        "low": mean - 0.1,
        "high": mean + 0.1,
    }


def test_each_version_has_its_own_line_and_start_mark() -> None:
    drawn = json.loads(chart(REGRESSION, [window(DIGEST, 0), window(OTHER, 10, 0.3), window(DIGEST, 10, 0.4)]) or "")
    old, new = drawn["versions"]
    assert (old["label"], new["label"]) == (DIGEST[7:19], OTHER[7:19])
    assert (old["mean"], new["mean"]) == ([0.5, 0.4], [None, 0.3])
    assert drawn["marks"] == [{"at": drawn["times"][0], "label": OTHER[7:19]}]
    assert drawn["change"][1] - drawn["change"][0] == 10


def test_single_point_draws_no_line() -> None:
    assert chart(REGRESSION, [window(DIGEST, 0)]) is None
    assert chart({**REGRESSION, "change": None}, [window(DIGEST, 0), window(DIGEST, 10)]) is not None
    assert sparkline([window(DIGEST, 0)]) is None


def test_only_the_latest_versions_are_drawn() -> None:
    many = [window(f"v{number}", 10 * number) for number in range(9)]
    assert [version["label"] for version in json.loads(chart(REGRESSION, many) or "")["versions"]] == [
        f"v{number}" for number in range(3, 9)
    ]


def test_a_sparkline_stays_inside_its_box() -> None:
    drawn = sparkline([window(DIGEST, 0, 0.2), window(DIGEST, 10, 0.9), window(DIGEST, 20, 0.9)])
    assert drawn is not None
    numbers = [float(word) for word in drawn.band.replace("M", " ").replace("L", " ").replace("Z", " ").split()]
    assert all(0 <= x <= 150 for x in numbers[::2])
    assert all(2 <= y <= 32 for y in numbers[1::2])
    flat = sparkline([{"mean": 0.0, "low": 0.0, "high": 0.0}] * 2)
    assert flat is not None


def roles(regression: dict[str, Any], *starts: tuple[str, int]) -> list[str]:
    windows = [window(identity, second + part) for identity, second in starts for part in (0, 10)]
    return [version["role"] for version in json.loads(chart(regression, windows) or "")["versions"]]


def test_each_version_is_labelled_by_its_role() -> None:
    blamed = {**REGRESSION, "causes": [{"kind": "prompt_version", "after": OTHER}]}
    starts = [("v0", 0), (DIGEST, 10), (OTHER, 40), ("fix", 60)]
    assert roles(blamed, *starts) == ["earlier", "before", "worse", "after"]
    assert roles(REGRESSION, *starts) == ["before", "worse", "later", "after"], "by the time of the change"
    assert roles({**REGRESSION, "change": None}, (DIGEST, 0), (OTHER, 20))[-1] == "worse"
    assert roles(REGRESSION, (DIGEST, 0)) == [""], "a drop within a version"
