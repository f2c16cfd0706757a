"""What users did next is derived from the inputs and times of a session's calls."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet import Ratchet
from ratchet.client.next_steps import IDLE_S, Answer, Step, input_print, last_step, next_step
from ratchet.client.user_sessions import MAX_SESSIONS, OpenAnswers
from tests.support.ratchet_server import PUBLIC, FakeServer

QUESTION = "How do I reset my password?"
CHAT = [{"role": "user", "content": "yes"}]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("before", "following", "seconds", "step"),
    [
        (QUESTION, "  how do I reset my PASSWORD?", 900.0, "regenerate"),
        (QUESTION, "How can I reset my password", 299.0, "requery"),
        (QUESTION, "How can I reset my password", 301.0, "continue"),
        (QUESTION, "Thanks! And my user name?", 5.0, "continue"),
        (QUESTION, QUESTION, IDLE_S + 1, None),
        ("パスワードをリセットする方法", "パスワードのリセットする方法は", 5.0, "requery"),
        ("パスワードをリセットする方法", "料金を教えてください", 5.0, "continue"),
        ("yes", "yes", 5.0, "continue"),
        (CHAT, CHAT, 5.0, "regenerate"),
        (CHAT, [*CHAT, {"role": "assistant", "content": "ok"}, *CHAT], 5.0, "continue"),
        ([{"role": "user", "content": QUESTION}], [{"role": "user", "content": f"Please: {QUESTION}"}], 5.0, "requery"),
        ([{"role": "user", "content": [{"type": "text"}]}], [{"role": "system"}], 5.0, "continue"),
        (None, QUESTION, 5.0, None),
        (QUESTION, None, 5.0, None),
        (QUESTION, object(), 5.0, None),
        ("", "", 5.0, "continue"),
    ],
)
def test_next_step(before: Any, following: Any, seconds: float, step: Step | None) -> None:
    answer = Answer("e", input_print(before), 100.0)
    assert next_step(answer, input_print(following), 100.0 + seconds) == step


@given(st.text(max_size=200), st.text(max_size=200), st.floats(0, 3600))
def test_any_texts_have_a_step(before: str, following: str, seconds: float) -> None:
    answer = Answer("e", input_print(before), 0.0)
    step = next_step(answer, input_print(following), seconds)
    assert (step is None) == (seconds > IDLE_S)


def test_only_a_retry_is_abandoned() -> None:
    assert last_step(Answer("e", None)) is None
    assert last_step(Answer("e", None, retried=True)) == "abandon"


def steps(found: list[tuple[Answer, Step]]) -> list[tuple[str, str, Any]]:
    return [(answer.execution_id, step, answer.user) for answer, step in found]


def test_a_session_without_calls_is_left_when_another_one_has_a_call() -> None:
    clock, asked = Clock(), input_print(QUESTION)
    answers = OpenAnswers(clock)
    for number, session in enumerate(("a", "a", "b")):
        answers.add(session, Answer(f"e{number}", asked, user=f"user {session}"))
    clock.now = IDLE_S + 1
    assert steps(answers.add("c", Answer("e3", asked))) == [("e1", "abandon", "user a")]
    assert answers.end("a") == answers.end("b") == []


def test_an_execution_that_is_recorded_again_is_no_step() -> None:
    answers = OpenAnswers(Clock())
    assert answers.add("a", Answer("e1", input_print(QUESTION))) == []
    assert answers.add("a", Answer("e1", input_print(QUESTION))) == []
    assert steps(answers.add("a", Answer("e2", input_print("Another one, please")))) == [("e1", "continue", None)]


def test_the_number_of_sessions_is_limited() -> None:
    answers = OpenAnswers(Clock())
    for number in range(MAX_SESSIONS + 1):
        answers.add(str(number), Answer(f"e{number}", input_print(QUESTION)))
    assert answers.add("0", Answer("again", input_print(QUESTION))) == []
    assert len(answers.add("9", Answer("again", input_print(QUESTION)))) == 1


@pytest.fixture
def client(server: FakeServer) -> Iterator[Ratchet]:
    with Ratchet("http://ratchet", "rk_k_s", public_key=PUBLIC, transport=server.transport()) as ratchet:
        yield ratchet


def sent(server: FakeServer, *fields: str) -> list[tuple[Any, ...]]:
    """Return fields of the feedback that arrived, in order."""
    bodies = [body for body in server.bodies.values() if "kind" in body]
    return [tuple(body.get(field) for field in fields) for body in sorted(bodies, key=lambda body: body["occurred_at"])]


def test_calls_of_a_session_send_the_steps_between_them(client: Ratchet, server: FakeServer) -> None:
    with client.session(7, user="ann", consent={"learning": True}) as session:
        ids = [session.record("bot", input=text) for text in (QUESTION, QUESTION, "How can I reset my password")]
        session.record("bot", input="a part of the answer", parent_id=ids[2])
        session.feedback(kind="rating", value=2)
    assert client.flush()
    assert sent(server, "kind", "execution_id", "session", "user") == [
        ("regenerate", ids[0], None, "ann"), ("requery", ids[1], None, "ann"), ("rating", None, "7", "ann"),
        ("abandon", ids[2], None, "ann"),
    ]  # fmt: skip
    recorded = server.bodies[ids[0]]
    assert (recorded["session"], recorded["user"], recorded["consent"]) == ("7", "ann", {"learning": True})
    assert all(json.loads(json.dumps(body))["consent"] == {"learning": True} for body in server.bodies.values())


def test_a_session_may_be_made_anew_for_each_request(client: Ratchet, server: FakeServer) -> None:
    first = client.session("s").record("bot", input=QUESTION, user="bob")
    client.session("another").record("bot", input=QUESTION)
    client.session("s").record("bot", input="And my user name, please?")
    assert client.flush()
    assert sent(server, "kind", "execution_id", "user") == [("continue", first, "bob")]


def test_odd_values_disturb_nothing(client: Ratchet, server: FakeServer) -> None:
    session = client.session([])  # type: ignore[arg-type]
    for _ in range(2):
        session.record("bot", input=QUESTION)
    session.feedback(kind="thumb", value=True)
    session.end()
    assert client.flush()
    assert sent(server, "kind") == []
    assert client.counters.refused == 1
