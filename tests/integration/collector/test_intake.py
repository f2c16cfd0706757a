"""What is posted is kept, joined and put into the outbox, once."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running


async def test_a_feedback_goes_out_with_the_facts_of_its_execution(collector: "Running") -> None:
    posted = await collector.post("executions", {"id": "e1", "target": "answers", "output": "42", "user": "ann"})
    assert (posted.status_code, posted.json()) == (200, {"id": "e1", "status": "accepted"})
    told = await collector.post("feedback", {"execution_id": "e1", "kind": "thumb", "value": "down", "user": "ann"})
    assert told.status_code == 200, told.text
    (event,) = collector.events("feedback.created")
    assert event["target"] == "answers"
    assert event["execution"]["output"] == "42"
    assert event["value"] == 0.0
    assert event["user"] == event["execution"]["user"] != "ann"
