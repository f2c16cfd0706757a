"""The callback handler in real LangChain chains with models that answer from a list."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig, RunnableLambda

from ratchet import Ratchet
from ratchet.integrations.langchain import RatchetCallbackHandler
from tests.integration.sdk.conftest import Recorded

USAGE = UsageMetadata(input_tokens=11, output_tokens=7, total_tokens=18)
CALL: Any = {"name": "get_weather", "args": {"city": "Paris"}, "id": "call_1", "type": "tool_call"}


class Documents(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [Document(page_content=f"About {query}", id="d1", metadata={"score": 0.5})]


class BrokenModel(GenericFakeChatModel):
    def _generate(self, *_: Any, **__: Any) -> Any:
        raise TimeoutError("secret")


def model(*answers: AIMessage) -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=iter(answers))


def answer(**more: Any) -> AIMessage:
    metadata = {"model_name": "gpt-4o", "finish_reason": "stop"}
    return AIMessage(**{"content": "Paris is rainy.", "usage_metadata": USAGE, "response_metadata": metadata, **more})


@pytest.fixture
def config(client: Ratchet) -> RunnableConfig:
    return {"callbacks": [RatchetCallbackHandler(client)]}


def chain(*answers: AIMessage) -> Any:
    documents, chat = Documents(), model(*answers)

    def ask(question: str) -> list[Any]:
        found = documents.invoke(question)
        return [SystemMessage("Be brief."), HumanMessage(f"{question} {found[0].page_content}")]

    return RunnableLambda(ask) | chat


def test_calls_in_a_chain_are_recorded_with_its_documents(config: RunnableConfig, recorded: Recorded) -> None:
    run_id = uuid4()
    result = chain(answer()).invoke("weather", config={**config, "run_id": run_id})
    assert result.content == "Paris is rainy."
    body = recorded.only()
    assert (body["target"], body["trace_id"], body["model"]) == ("langchain", str(run_id), "gpt-4o")
    assert body["input"] == [{"role": "user", "content": "weather About weather"}]
    assert (body["output"], body["outcome"], body["usage"]["input_tokens"]) == ("Paris is rainy.", "ok", 11)
    assert "About weather" in str(body["contexts"])
    assert body["attributes"]["finish_reason"] == "stop"
    assert "parent_id" not in body


async def test_tools_refusals_and_streams_are_recorded(config: RunnableConfig, recorded: Recorded) -> None:
    await chain(answer(content="", tool_calls=[CALL])).ainvoke("a", config=config)
    await chain(answer(response_metadata={"stop_reason": "refusal"})).ainvoke("b", config=config)
    assert "".join([chunk.content async for chunk in chain(answer()).astream("c", config=config)]) == "Paris is rainy."
    tools, refused, streamed = recorded.all()
    assert "get_weather" in str(tools["tools"])
    assert refused["outcome"] == "refused"
    assert streamed["output"] == "Paris is rainy."
    assert streamed["time_to_first_token_ms"] <= streamed["latency_ms"]


def test_an_error_is_recorded_without_its_text(config: RunnableConfig, recorded: Recorded) -> None:
    with pytest.raises(TimeoutError):
        BrokenModel(messages=iter([])).invoke("why?", config=config)
    body = recorded.only()
    assert (body["outcome"], body["attributes"]["error_type"]) == ("timeout", "TimeoutError")
    assert "secret" not in str(body)


async def test_calls_inside_an_observed_call_are_its_steps(
    config: RunnableConfig, client: Ratchet, recorded: Recorded
) -> None:
    prompt = client.prompt("answer", default="Answer briefly: {{question}}", target="chat")

    @client.observe("support")
    async def ask(question: str) -> Any:
        return (await model(answer()).ainvoke(prompt.text(question=question), config=config)).content

    await asyncio.gather(ask("one"), ask("two"))
    bodies = recorded.all()
    roots = {body["id"]: body for body in bodies if body["target"] == "support"}
    steps = [body for body in bodies if body["target"] == "support/langchain"]
    assert len(roots) == len(steps) == 2
    for step in steps:
        root = roots[step["parent_id"]]
        assert str(root["input"]) in step["input"][0]["content"]
        assert root["model"] == "gpt-4o"
        assert [use["digest"] for use in root["prompts"]] == [step["attributes"]["prompt_digest"]]


def test_faults_of_ours_do_not_reach_the_app(
    config: RunnableConfig, client: Ratchet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise RuntimeError("ours")

    for place in ("begin_call", "record"):
        with monkeypatch.context() as patch:
            patch.setattr(client, place, broken)
            assert chain(answer()).invoke("a", config=config).content == "Paris is rainy."
