"""The list of topics: one per event; topics with text have a bounded retention."""

from datetime import timedelta

from shared.events import CATALOG
from shared.messaging.topics import PARTITIONS, SERVICES, WRITERS, dead_letters_of, topics, topics_written_by

_BY_NAME = {topic.name: topic for topic in topics()}


def test_every_event_has_a_topic_and_a_dead_letter_topic() -> None:
    names = {event.topic for event in CATALOG.values()}
    assert set(_BY_NAME) == names | {dead_letters_of(name) for name in names}


def test_every_topic_has_one_writer_except_reports_of_all_services_and_feedback() -> None:
    assert set(WRITERS) == {event.topic for event in CATALOG.values()}
    assert [topic for topic, writers in WRITERS.items() if len(writers) != 1] == [
        "dead_letter.settled",
        "erasure.completed",
        "feedback.submitted",
        "operation.performed",
    ]
    assert {topic for service in SERVICES for topic in topics_written_by(service)} == set(WRITERS) - {
        "execution.submitted"
    }


def test_texts_are_retained_for_72_hours() -> None:
    for name in ("execution.recorded", "feedback.created", "feedback.submitted", "proposal.ready"):
        assert _BY_NAME[name].config == {"cleanup.policy": "delete", "retention.ms": "259200000"}
    assert all(t.kept == timedelta(hours=72) for t in topics() if t.name.endswith(".dlq"))


def test_event_with_text_is_never_retained_longer() -> None:
    """A new event counts as text unless it is listed as without text."""
    long_kept = {topic.name for topic in topics() if topic.kept > timedelta(hours=72)}
    for event in CATALOG.values():
        if event.topic in long_kept:
            assert not {"text", "document", "body", "input", "output", "facts"} & set(event.model_fields)


def test_prompt_live_is_compacted_and_deletes_old_versions_within_72_hours() -> None:
    for name in ("prompt.live", "key.changed"):
        assert _BY_NAME[name].config == {"cleanup.policy": "compact", "max.compaction.lag.ms": "259200000"}


def test_partitions_are_fixed_and_dead_letter_topics_have_one() -> None:
    assert {t.partitions for t in topics() if not t.name.endswith(".dlq")} == {PARTITIONS}
    assert {t.partitions for t in topics() if t.name.endswith(".dlq")} == {1}
