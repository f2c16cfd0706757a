"""What the terminal tells of the loop."""

from typing import Any

from ratchet_local.telling import Pages, Teller

URL = "http://127.0.0.1:8080"
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
    return {"id": "p1", "state": state, "name": "answer", "kind": "restore", **parts}


def quality(identity: str, n: int, metric: str = "thumb") -> dict[str, Any]:
    return {"identity": identity, "metric": metric, "measurement": measured(0.9, n)}


def pages(*, regressions: Any = (), proposals: Any = (), values: Any = ()) -> Pages:
    return Pages(regressions, proposals, values)


def test_each_turn_is_told_once_with_what_to_do_next() -> None:
    teller = Teller(URL)
    assert teller.news(pages()) == []
    told = teller.news(pages(regressions=[regression()], proposals=[proposal()]))
    assert told[0] == "! thumb of bot got worse: 90 % (n=400) → 60 % (n=100); likely cause: prompt version"
    assert told[1] == f"  why:  {URL}/regressions/r1"
    assert told[-1].endswith("ratchet approve p1")
    assert teller.news(pages(regressions=[regression()], proposals=[proposal()])) == []
    settled = pages(regressions=[regression("resolved")], proposals=[proposal("approved")])
    assert teller.news(settled) == ["✓ thumb of bot has recovered: 88 % (n=120)", "· the proposal p1 is approved"]


def test_what_was_settled_before_it_began_is_old_news_and_what_waits_is_not() -> None:
    teller = Teller(URL)
    told = teller.news(pages(regressions=[regression("resolved")], proposals=[proposal()]))
    assert [line[0] for line in told] == ["?", " ", " "]


def test_sets_of_examples_are_told_of_once() -> None:
    teller = Teller(URL)
    first = teller.news(pages(proposals=[proposal(kind="few_shot")]))
    after = pages(proposals=[proposal(kind="few_shot", id="p2"), proposal("withdrawn", kind="few_shot")])
    assert len(first) == 1
    assert teller.news(after) == []


def test_without_causes_and_outside_of_shares_it_says_what_it_has() -> None:
    slow = regression(metric="latency_ms", causes=[], baseline=measured(412.4, 9), current=measured(803.2, 9))
    assert Teller(URL).news(pages(regressions=[slow]))[0] == (
        "! latency_ms of bot got worse: 412.4 → 803.2; likely cause: unknown"
    )


def test_the_status_is_of_the_version_in_use() -> None:
    teller = Teller(URL)
    assert teller.status(pages()) == "waiting for the first answers"
    teller.status(pages(values=[quality(GOOD, 50), quality(GOOD, 900, "error_rate")]))
    now = [quality(GOOD, 50), quality(BAD, 7), quality(GOOD, 900, "error_rate"), quality(BAD, 100, "error_rate")]
    assert teller.status(pages(values=now)) == "1,000 answers · 90 % liked [85, 95], n=7, of sha256:bbbbbbbbbbbb"
    assert "bbbb" in teller.status(pages(values=now)), "nothing new: the same version still"
