"""Which prompts a model call used, by the texts that they were rendered to."""

import pytest

from ratchet.client import rendered_prompts
from ratchet.client.rendered_prompts import RenderedPrompts, message_texts
from ratchet.client.used_prompts import UsedPrompt

ANSWER, RANK = UsedPrompt("answer", "sha256:a"), UsedPrompt("rank", "sha256:r")


def names(rendered: RenderedPrompts, *texts: str) -> list[str]:
    return [found.use.name for found in rendered.find_all(texts)]


def test_all_texts_must_be_in_the_call_in_any_company() -> None:
    rendered = RenderedPrompts()
    rendered.add(["Be brief.", "why?"], ANSWER, "chat")
    assert names(rendered, "history", "Be brief.", "why?", "more") == ["answer"]
    assert names(rendered, "Be brief.", "how?") == names(rendered, "why?") == names(rendered) == []
    assert rendered.find_all(["Be brief.", "why?"])[0].target == "chat"


def test_a_call_may_use_several_prompts_but_not_parts_of_one() -> None:
    rendered = RenderedPrompts()
    rendered.add(["Be brief.", "why?"], ANSWER)
    rendered.add(["Be brief."], UsedPrompt("short", "sha256:s"))
    rendered.add(["Rank."], RANK)
    assert names(rendered, "Be brief.", "why?", "Rank.") == ["answer", "rank"]
    assert names(rendered, "Be brief.", "how?") == ["short"]


def test_the_last_rendering_to_the_same_texts_counts() -> None:
    rendered = RenderedPrompts()
    for use in (ANSWER, RANK):
        rendered.add(["Be brief."], use)
    assert names(rendered, "Be brief.") == ["rank"]


def test_memory_is_bounded_and_recent_renderings_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered_prompts, "_KEPT", 50)
    rendered = RenderedPrompts()
    for number in range(1_000):
        rendered.add([f"question {number}"], ANSWER)
        rendered.add(["Be brief.", str(number)], ANSWER)
    assert sum(len(known) for part in (rendered._recent, rendered._earlier) for known in part.values()) <= 120
    assert names(rendered, "question 999") == names(rendered, "question 960") == ["answer"]
    assert names(rendered, "question 1") == []


def test_texts_of_messages_and_their_parts_are_read() -> None:
    parts = [{"type": "text", "text": "b"}, {"type": "image_url"}, {"text": 5}, None]
    assert message_texts([{"content": "a"}, {"content": parts}, {"content": None}, None, 5]) == ["a", "b"]
    assert message_texts("a") == ["a"]
    assert message_texts(iter(["a"])) == message_texts(None) == []
