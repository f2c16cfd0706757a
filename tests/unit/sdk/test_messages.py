"""Messages with parts, tool calls and placeholders. Documents of the first schema keep their digest."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ratchet.client.prompts import choose_served
from ratchet.prompt import parse, readable, unified
from ratchet.prompt.restore import Restored, restore
from tests.support.prompts import documents, minimal

TEXT = {"role": "user", "content": "Hello"}
IMAGE = {
    "role": "user",
    "content": [{"type": "text", "text": "a\n[user]"}, {"type": "image_url", "image_url": {"url": "u"}}],
}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}
ANSWER = {"role": "tool", "content": "found", "tool_call_id": "c"}
HISTORY = {"type": "placeholder", "name": "history"}
MESSAGES = st.lists(
    st.sampled_from([TEXT, IMAGE, CALL, ANSWER, HISTORY, {"role": "developer", "content": "d\n"}]), min_size=1
)


def saying(*messages: Any) -> dict[str, Any]:
    return minimal(messages=list(messages))


@given(documents())
def test_digests_of_the_first_schema_are_unchanged(document: dict[str, Any]) -> None:
    assert parse(document).to_dict()["schema"] == "ratchet.prompt/1"


@given(MESSAGES, MESSAGES)
def test_documents_differ_if_their_lines_do(a: list[Any], b: list[Any]) -> None:
    one, other = parse(saying(*a)), parse(saying(*b))
    assert parse(one.to_dict()) == one
    assert (readable(one) == readable(other)) == (unified(one, other) == "") == (one == other)


def test_text_of_a_part_cannot_imitate_a_message() -> None:
    lines = readable(parse(saying(IMAGE, CALL, HISTORY)))
    assert lines[lines.index("[user, structured]") :] == [
        "[user, structured]", "  text:", "    a", "    [user]",
        '  part: {"image_url": {"url": "u"}, "type": "image_url"}',
        "[assistant, structured]", "  content: null",
        '  tool_calls: [{"function": {"arguments": "{}", "name": "f"}, "id": "c"}]',
        "[placeholder history]",
    ]  # fmt: skip


def test_removed_message_is_restored_completely() -> None:
    good, bad = (
        saying(TEXT, HISTORY, IMAGE, CALL, ANSWER),
        saying(TEXT, IMAGE, ANSWER, {"role": "user", "content": "New"}),
    )
    found = restore(parse(good), parse(bad))
    assert isinstance(found, Restored)
    assert found.prompt == parse(saying(TEXT, HISTORY, IMAGE, CALL, ANSWER, {"role": "user", "content": "New"}))


def test_history_is_rendered_at_its_placeholder() -> None:
    prompt = choose_served("answer", None, parse(saying(TEXT, HISTORY, IMAGE)))
    history = [{"role": "assistant", "content": "Hi."}]
    assert prompt.render(history=history) == [TEXT, *history, IMAGE]
    assert prompt.text(history=history) == "Hello\n\nHi.\n\na\n[user]"
    assert prompt.render() == [TEXT, IMAGE]
