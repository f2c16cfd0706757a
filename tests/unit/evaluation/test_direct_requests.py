"""Cases that a model's endpoint answers: requests and replies."""

from typing import Any

import pytest

from ratchet.prompt import example_set_digest, parse
from ratchet_evaluation.domain.direct_requests import InvalidRequest, chat_request, returned_value
from tests.support.evaluation import golden_case
from tests.support.judges import completion
from tests.support.prompts import minimal

STRING = {"type": "string"}
SYSTEM = {"role": "system", "content": "Help."}


def asked(case: dict[str, Any], text: str = "{{question}}", **parts: Any) -> Any:
    variables = {name: STRING for name in ("question", "articles", "lang") if f"{{{{{name}}}}}" in text}
    prompt = parse(minimal(messages=[SYSTEM, {"role": "user", "content": text}], variables=variables, **parts))
    return chat_request(prompt, golden_case(**case), {}, "default-model")


def test_input_is_the_one_variable_without_a_value() -> None:
    body = asked({"input": "How long?", "variables": {"lang": "en"}}, "{{lang}}: {{question}}")
    assert body == {
        "model": "default-model",
        "messages": [SYSTEM, {"role": "user", "content": "en: How long?"}],
    }


def test_contexts_fill_the_variable_of_articles() -> None:
    body = asked({"input": "How long?", "contexts": ["30 days"]}, "{{articles}} {{question}}")
    assert body["messages"][1]["content"].endswith("30 days How long?")


def test_input_without_a_variable_is_the_last_message() -> None:
    body = asked({"input": "How long?"}, "Answer briefly.")
    assert body["messages"][2] == {"role": "user", "content": "How long?"}


def test_model_parameters_and_tools_are_those_of_the_document() -> None:
    tools = [{"type": "function", "function": {"name": "track"}}]
    body = asked({"input": "?"}, model="m-1", parameters={"temperature": 0.2}, tools=tools)
    assert (body["model"], body["temperature"], body["tools"]) == ("m-1", 0.2, tools)


def test_examples_of_slots_are_turns() -> None:
    examples = [{"input": "q", "output": "a"}]
    slots = {"shots": {"max": 5, "set": example_set_digest(examples)}}
    prompt = parse(minimal(messages=[SYSTEM, {"slot": "shots"}], slots=slots, model="m"))
    body: Any = chat_request(prompt, golden_case(input="How long?"), {"shots": examples}, None)
    assert [message["content"] for message in body["messages"]] == ["Help.", "q", "a", "How long?"]


@pytest.mark.parametrize(
    ("case", "text", "reason"),
    [
        ({"input": "?"}, "{{lang}} {{question}}", "the case has no value for lang, question"),
        ({"input": {"a": 1}}, "{{question}}", "the case has no value for question"),
        ({"input": "?", "variables": {"question": 3}}, "{{question}}", "can't be rendered: variables.question"),
    ],
)
def test_case_that_cannot_be_asked_says_why(case: dict[str, Any], text: str, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        asked(case, text)


def test_prompt_without_any_model_is_not_sent() -> None:
    with pytest.raises(InvalidRequest, match="names no model"):
        chat_request(parse(minimal(messages=[SYSTEM])), golden_case(), {}, None)


def test_reply_is_the_answer_with_its_tools() -> None:
    assert returned_value(completion("30 days")) == {"output": "30 days"}
    call = {"id": "1", "type": "function", "function": {"name": "track", "arguments": '{"id": 1}'}}
    reply = {"choices": [{"message": {"content": None, "tool_calls": [call]}}]}
    assert returned_value(reply) == {"output": "", "tools": [{"name": "track", "arguments": '{"id": 1}'}]}


@pytest.mark.parametrize("reply", [{}, {"choices": []}, {"choices": [{"message": {"content": None}}]}, {"choices": 1}])
def test_other_replies_are_no_answers(reply: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        returned_value(reply)
