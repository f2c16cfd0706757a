"""Numbers for people: with n and interval; unknown values are never shown as zero."""

import pytest

from console.domain.display import amount, change, interval, measured, rate, span
from ratchet.formatting import short_digest as short


def test_unknown_values_are_shown_as_unknown() -> None:
    assert amount(0.8512, {"metric": "thumb"}) == "85.1 %"
    assert amount(None, {"metric": "thumb"}) == "unknown"
    assert change(None, {"metric": "thumb"}) == rate(None) == "unknown"


def test_a_measurement_has_its_n_and_its_interval() -> None:
    one = {"n": 1385, "mean": 0.85, "low": 0.8, "high": 0.9}
    assert measured(one, {"metric": "thumb"}) == ("85.0 %", "[80.0 %, 90.0 %]", "n=1,385")
    assert measured({**one, "n": 0}, {"metric": "thumb"}) == measured(None, {"metric": "thumb"}) == ("unknown",)


def test_changes_and_rates() -> None:
    assert change(-25.76, {"metric": "thumb"}) == "−25.8 pp"
    assert change(-25.76, {"metric": "score.x", "direction": "lower_is_better"}) == "+25.8 pp"
    assert change(-10.0, {"metric": "score.x", "direction": "lower_is_better", "change_unit": "%"}) == "+10.0 %"
    assert amount(0.5, {"metric": "score.x", "unit": ""}) == "0.5"
    assert interval({"low_pp": -30.0, "high_pp": -20.0}, {"metric": "latency_ms"}) == ("+20.0", "+30.0")
    assert (rate(0.0), rate(12.4)) == ("0.0/s", "12/s")


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-3, "0 s"), (59.4, "59 s"), (60, "1 min"), (3_661, "1 h 1 min"), (90_000, "1 d 1 h")]
)
def test_a_span_in_its_two_largest_units(seconds: float, expected: str) -> None:
    assert span(seconds) == expected


def test_names_are_shortened_and_shown() -> None:
    assert short("sha256:" + "ab" * 32) == "abababababab"
    assert short("v1\x1b") == "v1<U+001B>"
    assert short(None) == "nothing"
