"""How topics stand: the worst first, and what nobody knows is not shown as fine."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.domain.topic_health import TopicHealth, parked, topics, topics_needing_attention

_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_WRITERS = {"a.made": ("alpha",), "b.made": ("beta",), "told": ("alpha", "beta"), "raw": ("apps",)}


def ago(seconds: float) -> str:
    return (_NOW - timedelta(seconds=seconds)).isoformat()


def sends(topic: str, unsent: int = 0, oldest: str | None = None, rate: float | None = 1.0) -> dict[str, Any]:
    return {"topic": topic, "rate_per_s": rate, "sent": 5, "unsent": unsent, "oldest_unsent_at": oldest}


def takes(consumer: str, topic: str, **other: object) -> dict[str, Any]:
    fine = {"rate_per_s": 1.0, "lag": 0, "oldest_unprocessed_at": None, "paused": False}
    return {"consumer": consumer, "topic": topic, **fine, **other}


def letter(consumer: str, topic: str, parked: int = 1) -> dict[str, Any]:
    return {"topic": topic, "consumer": consumer, "parked": parked, "oldest_parked_at": ago(60)}


def says(*sent: Any, taken: tuple[Any, ...] = (), letters: tuple[Any, ...] = ()) -> dict[str, Any]:
    return {
        "instance": "one",
        "since": ago(600),
        "topics": sent,
        "consumers": list(taken),
        "dead_letters": list(letters),
    }


def shown(alpha: Any, beta: Any = None) -> dict[str, TopicHealth]:
    answers = {"alpha": alpha, "beta": beta or says(sends("b.made"), sends("told"))}
    return {topic.name: topic for topic in topics(answers, _WRITERS, _NOW)}


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, "keeps up"),
        ({"lag": 3, "oldest_unprocessed_at": ago(59)}, "keeps up"),
        ({"lag": 3, "oldest_unprocessed_at": ago(61)}, "behind"),
        ({"lag": 3}, "unknown"),
        ({"lag": None}, "unknown"),
        ({"lag": None, "paused": True}, "paused"),
    ],
)
def test_how_a_consumer_stands(facts: dict[str, Any], state: str) -> None:
    found = shown(says(taken=(takes("alpha.x", "b.made", **facts),)))
    assert found["b.made"].consumers[0].state == state
    assert found["b.made"].state == state


def test_what_is_wrong_comes_first_then_names() -> None:
    alpha = says(
        sends("a.made"),
        sends("told"),
        taken=(takes("alpha.x", "b.made", paused=True), takes("alpha.a", "b.made")),
        letters=(letter("alpha.y", "told", 3),),
    )
    found = shown(alpha)
    assert list(found) == ["b.made", "told", "raw", "a.made"]
    assert [taker.name for taker in found["b.made"].consumers] == ["alpha.x", "alpha.a"]
    assert topics_needing_attention(list(found.values())) == {"paused": 1, "dead letters": 3}


def test_what_waits_long_to_be_sent_is_behind() -> None:
    found = shown(says(sends("a.made", 4, ago(90)), sends("told")))
    assert found["a.made"].state == "behind"
    assert topics_needing_attention(list(found.values())) == {"behind": 1}


def test_senders_of_one_topic_are_told_together() -> None:
    found = shown(says(sends("told", 2, ago(5))), says(sends("told", 3, ago(9))))
    sender = found["told"].sender
    assert sender is not None
    assert (sender.rate, sender.waits, sender.since, sender.state) == (2.0, 5, ago(9), "keeps up")


def test_a_service_that_is_away_leaves_unknown_not_nothing() -> None:
    answers = {"alpha": None, "beta": says(sends("b.made", rate=None), sends("told"))}
    found = {topic.name: topic for topic in topics(answers, _WRITERS, _NOW)}
    away, half, young = (found[name].sender for name in ("a.made", "told", "b.made"))
    assert away is not None
    assert half is not None
    assert young is not None
    assert (away.state, away.rate, away.waits) == ("unknown", None, None)
    assert (half.state, half.rate, half.waits) == ("unknown", None, None)
    assert (young.state, young.rate) == ("keeps up", None)
    assert parked(answers) == {"alpha": None, "beta": 0}


def test_what_apps_send_is_not_measured() -> None:
    raw = shown(says())["raw"]
    assert (raw.sender, raw.sent_by, raw.state) == (None, ("apps",), "unknown")


def test_a_topic_of_nobodys_list_is_sent_by_who_says_so() -> None:
    mirror = shown(says(sends("b.made.dlq")))["b.made.dlq"]
    assert (mirror.sent_by, mirror.state) == (("alpha",), "keeps up")


def test_letters_of_a_consumer_that_is_no_more_are_shown() -> None:
    found = shown(says(letters=(letter("alpha.gone", "b.made", 2),)))
    [gone] = found["b.made"].consumers
    assert (gone.name, gone.parked, gone.waits) == ("alpha.gone", 2, None)
    assert gone.state == "dead letters"
