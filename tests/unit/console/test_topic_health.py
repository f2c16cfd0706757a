"""Health of topics: the worst first; unknown is not shown as healthy."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.domain.topic_health import TopicHealth, parked, topics, topics_needing_attention

_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_WRITERS = {"a.made": ("alpha",), "b.made": ("beta",), "shared": ("alpha", "beta"), "raw": ("apps",)}


def ago(seconds: float) -> str:
    return (_NOW - timedelta(seconds=seconds)).isoformat()


def producer_row(topic: str, unsent: int = 0, oldest: str | None = None, rate: float | None = 1.0) -> dict[str, Any]:
    return {"topic": topic, "rate_per_s": rate, "sent": 5, "unsent": unsent, "oldest_unsent_at": oldest}


def consumer_row(consumer: str, topic: str, **other: object) -> dict[str, Any]:
    fine = {"rate_per_s": 1.0, "lag": 0, "oldest_unprocessed_at": None, "paused": False}
    return {"consumer": consumer, "topic": topic, **fine, **other}


def dead_letter_row(consumer: str, topic: str, parked: int = 1) -> dict[str, Any]:
    return {"topic": topic, "consumer": consumer, "parked": parked, "oldest_parked_at": ago(60)}


def ops_response(*producers: Any, consumers: tuple[Any, ...] = (), letters: tuple[Any, ...] = ()) -> dict[str, Any]:
    return {
        "instance": "one",
        "since": ago(600),
        "topics": producers,
        "consumers": list(consumers),
        "dead_letters": list(letters),
    }


def health_by_topic(alpha: Any, beta: Any = None) -> dict[str, TopicHealth]:
    responses = {"alpha": alpha, "beta": beta or ops_response(producer_row("b.made"), producer_row("shared"))}
    return {topic.name: topic for topic in topics(responses, _WRITERS, _NOW)}


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
def test_state_of_a_consumer(facts: dict[str, Any], state: str) -> None:
    found = health_by_topic(ops_response(consumers=(consumer_row("alpha.x", "b.made", **facts),)))
    assert found["b.made"].consumers[0].state == state
    assert found["b.made"].state == state


def test_unhealthy_topics_come_first_then_by_name() -> None:
    alpha = ops_response(
        producer_row("a.made"),
        producer_row("shared"),
        consumers=(consumer_row("alpha.x", "b.made", paused=True), consumer_row("alpha.a", "b.made")),
        letters=(dead_letter_row("alpha.y", "shared", 3),),
    )
    found = health_by_topic(alpha)
    assert list(found) == ["b.made", "shared", "raw", "a.made"]
    assert [taker.name for taker in found["b.made"].consumers] == ["alpha.x", "alpha.a"]
    assert topics_needing_attention(list(found.values())) == {"paused": 1, "dead letters": 3}


def test_topic_with_old_unsent_messages_is_behind() -> None:
    found = health_by_topic(ops_response(producer_row("a.made", 4, ago(90)), producer_row("shared")))
    assert found["a.made"].state == "behind"
    assert topics_needing_attention(list(found.values())) == {"behind": 1}


def test_producers_of_a_topic_are_aggregated() -> None:
    found = health_by_topic(
        ops_response(producer_row("shared", 2, ago(5))), ops_response(producer_row("shared", 3, ago(9)))
    )
    sender = found["shared"].sender
    assert sender is not None
    assert (sender.rate, sender.waits, sender.since, sender.state) == (2.0, 5, ago(9), "keeps up")


def test_unavailable_service_gives_unknown_not_zero() -> None:
    responses = {"alpha": None, "beta": ops_response(producer_row("b.made", rate=None), producer_row("shared"))}
    found = {topic.name: topic for topic in topics(responses, _WRITERS, _NOW)}
    unavailable, partial, recent = (found[name].sender for name in ("a.made", "shared", "b.made"))
    assert unavailable is not None
    assert partial is not None
    assert recent is not None
    assert (unavailable.state, unavailable.rate, unavailable.waits) == ("unknown", None, None)
    assert (partial.state, partial.rate, partial.waits) == ("unknown", None, None)
    assert (recent.state, recent.rate) == ("keeps up", None)
    assert parked(responses) == {"alpha": None, "beta": 0}


def test_messages_of_apps_are_not_measured() -> None:
    raw = health_by_topic(ops_response())["raw"]
    assert (raw.sender, raw.sent_by, raw.state) == (None, ("apps",), "unknown")


def test_unlisted_topic_belongs_to_the_reporting_service() -> None:
    mirror = health_by_topic(ops_response(producer_row("b.made.dlq")))["b.made.dlq"]
    assert (mirror.sent_by, mirror.state) == (("alpha",), "keeps up")


def test_dead_letters_of_a_removed_consumer_are_shown() -> None:
    found = health_by_topic(ops_response(letters=(dead_letter_row("alpha.gone", "b.made", 2),)))
    [gone] = found["b.made"].consumers
    assert (gone.name, gone.parked, gone.waits) == ("alpha.gone", 2, None)
    assert gone.state == "dead letters"
