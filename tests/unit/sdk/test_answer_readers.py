"""What is read of answers and their events, given as mappings."""

from typing import Any

import pytest

from ratchet.integrations.anthropic_messages import Messages
from ratchet.integrations.chat_completions import ChatCompletions
from ratchet.integrations.openai_responses import Responses
from tests.support import model_answers


@pytest.mark.parametrize(
    ("delta", "has_output"),
    [({"text": "a"}, True), ({"thinking": "a"}, True), ({"signature": "x"}, False), ({"text": ""}, False)],
)
def test_the_first_token_is_one_of_text_thoughts_or_arguments(delta: dict[str, Any], has_output: bool) -> None:
    assert Messages().new_stream().add({"type": "content_block_delta", "index": 0, "delta": delta}) is has_output


def test_an_unfinished_response_has_the_text_so_far() -> None:
    events = Responses().new_stream()
    for _, event in model_answers.response_events("answer")[:5]:
        events.add(event)
    assert not events.complete
    assert events.fields()["output"] == "Paris is "


@pytest.mark.parametrize(("kind", "outcome"), [("answer", "ok"), ("refusal", "refused"), ("filtered", "refused")])
def test_a_filtered_completion_is_a_refusal(kind: str, outcome: str) -> None:
    api = ChatCompletions()
    assert api.read_answer(model_answers.chat_completion(kind))["outcome"] == outcome
    chunks = api.new_stream()
    for _, chunk in model_answers.chat_chunks(kind, with_usage=False):
        chunks.add(chunk)
    assert chunks.fields()["outcome"] == outcome
