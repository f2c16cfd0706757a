"""Figures, feedback and filters of executions as people read them."""

from typing import Any

import pytest

from console.domain.execution_rows import (
    TimelineEntry,
    feedback_word,
    feedback_words,
    figure,
    form_time,
    query_of,
    tokens,
    trace_timeline,
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"kind": "thumb", "value": 1.0}, ("thumb up", "good")),
        ({"kind": "thumb", "value": 0.0, "name": "tone"}, ("tone thumb down", "bad")),
        ({"kind": "rating", "value": 4.0}, ("rating 4", "")),
        ({"kind": "score", "value": -0.25, "name": "helpful"}, ("helpful −0.25", "")),
        ({"kind": "label", "label": "polite"}, ("label polite", "")),
        ({"kind": "label", "label": "polite", "name": "tone"}, ("tone polite", "")),
        ({"kind": "comment"}, ("comment", "")),
        ({"kind": "thumb"}, ("thumb", "")),
        ({"kind": "thumb", "value": 1.0, "source": "implicit"}, ("thumb up (implicit)", "")),
        ({"kind": "copy", "value": 0.0, "source": "implicit"}, ("not copied (implicit)", "")),
        ({"kind": "requery", "value": 1.0, "source": "implicit"}, ("asked again (implicit)", "")),
        ({"kind": "dwell", "value": 1200.0, "source": "implicit"}, ("dwell 1,200 ms (implicit)", "")),
        ({"kind": "preference", "value": 1.0}, ("chosen", "good")),
        ({"kind": "preference"}, ("preference", "")),
        ({"kind": "score", "value": 1.0, "name": "\u202eodd"}, ("<U+202E>odd 1", "")),
    ],
)
def test_feedback_in_words(fields: dict[str, Any], expected: tuple[str, str]) -> None:
    feedback = {
        "source": "explicit",
        "about": "execution",
        "mixed": False,
        "name": None,
        "value": None,
        "label": None,
        "replaced": False,
        **fields,
    }
    word = feedback_word(feedback)
    assert (word.text, word.kind) == expected
    assert feedback_words([feedback, {**feedback, "replaced": True}, {**feedback, "mixed": True}]) == [word]
    (whole,) = feedback_words([{**feedback, "about": "session"}])
    assert (whole.text, whole.kind) == (f"{word.text} (whole session)", word.kind)


def test_unknown_figures_are_empty() -> None:
    assert [figure(None, "cost_usd"), tokens({})] == ["", ""]
    assert [figure(0.00214, "cost_usd"), tokens({"output_tokens": 5})] == ["$0.00214", "? → 5"]


def test_the_timeline_shows_when_executions_of_a_trace_ran() -> None:
    nodes: list[dict[str, float | None]] = [
        {"offset_ms": 0.0, "latency_ms": 200.0},
        {"offset_ms": 50.0, "latency_ms": 100.0},
        {"offset_ms": 199.9, "latency_ms": 0.1},
        {"offset_ms": None, "latency_ms": None},
    ]
    assert trace_timeline(nodes) == [TimelineEntry(0, 1000), TimelineEntry(250, 500), TimelineEntry(999.5, 3), None]
    assert trace_timeline([]) == []
    assert trace_timeline([{**nodes[0], "latency_ms": 0.0}, nodes[3]]) == [None, None]


def test_times_of_the_form_are_utc() -> None:
    given = {"since": "2026-01-02T03:04", "until": "2026-01-02T03:04:05+02:00", "target": "  ", "q": " x "}
    assert query_of(given) == {
        "since": "2026-01-02T03:04:00+00:00", "until": "2026-01-02T03:04:05+02:00", "q": "x"
    }  # fmt: skip
    assert query_of({"since": "soon"}) == {"since": "soon"}
    assert [form_time(given["until"]), form_time("soon")] == ["2026-01-02T01:04:05", ""]
