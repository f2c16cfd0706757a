"""Values of variables: converted if the meaning is obvious; no value raises."""

import logging
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet import Ratchet
from ratchet.client.prompt_verification import LivePrompt
from ratchet.client.prompts import choose_served
from ratchet.prompt import Prompt, PromptError, foreign_syntax, from_text, parse
from tests.support.eventually import eventually_sync
from tests.support.prompts import minimal
from tests.support.ratchet_server import FakeServer, live_payload

OWN = from_text("n is {{n}}.")


def typed(kind: str) -> Prompt:
    turns = [{"role": "system", "content": "{{n}}"}]
    return parse(minimal(messages=turns, variables={"n": {"type": kind, "required": True}}))


def text(prompt: Prompt, value: object) -> str:
    return choose_served("answer", None, prompt).text(n=value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (3, "3"), (3.0, "3"), (0.5, "0.5"), (True, "true"), (None, ""), ("a", "a"), (10**30, str(10**30)),
        ([1, "a"], '[1,"a"]'), ({"a": None}, '{"a":null}'), (Decimal("1.10"), "1.10"), (date(2026, 1, 2), "2026-01-02"),
        (UUID(int=1), str(UUID(int=1))), (float("nan"), "nan"), (np.int64(3), "3"), (np.float32(0.5), "0.5"),
        (np.bool_(True), "true"), ("a\x00b\ud800", "a\ufffdb\ufffd"),
    ],
)  # fmt: skip
def test_text_accepts_every_value(value: object, written: str) -> None:
    assert text(OWN, value) == f"n is {written}."


@given(st.one_of(st.text(), st.integers(), st.floats(), st.binary(), st.lists(st.floats()), st.sets(st.text())))
def test_no_text_value_raises(value: object) -> None:
    text(OWN, value)


def test_object_without_text_form_is_empty() -> None:
    class InvalidValue:
        def __str__(self) -> str:
            raise RuntimeError

    assert text(OWN, InvalidValue()) == "n is ."


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [("number", "3", "3"), ("number", "0.5", "0.5"), ("number", np.int64(3), "3"), ("boolean", "True", "true"),
     ("boolean", np.bool_(False), "false"), ("list", ("a",), '["a"]')],
)  # fmt: skip
def test_other_types_accept_obvious_values(kind: str, value: object, written: str) -> None:
    assert text(typed(kind), value) == written


@pytest.mark.parametrize(("kind", "value"), [("number", "many"), ("boolean", 2), ("list", "x"), ("number", None)])
def test_value_unsuitable_for_the_live_version_falls_back_to_the_default(
    kind: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    live = LivePrompt("p", "e", "answer", "bot", 1, typed(kind), {})
    warned: list[str] = []
    prompt = choose_served("answer", live, OWN, warn=lambda name, message: warned.append(message))
    assert prompt.render(n=value)[0]["content"].startswith("n is ")
    assert len(warned) == 1
    assert (prompt.use().digest, prompt.use().document) == (OWN.digest, OWN), (
        "quality is recorded for the version that ran"
    )
    prompt.render(n=[]) if kind == "list" else prompt.render(n=1 if kind == "number" else True)
    assert prompt.use().digest == live.prompt.digest


def test_variable_missing_in_the_default_raises() -> None:
    for variables in ({}, {"n": 1, "m": 2}):
        with pytest.raises(PromptError):
            choose_served("answer", None, OWN).render(**variables)


FOREIGN: list[tuple[str, list[str]]] = [
    ("{{user.name}} {{#items}}x{{/items}} {{a|upper}}", ["{{user.name}}", "{{#items}}", "{{/items}}", "{{a|upper}}"]),
    ("{name} {user.name} {x:.2f} {y!r} {rows[0]}", ["{name}", "{user.name}", "{x:.2f}", "{y!r}", "{rows[0]}"]),
    ("{% if a %}{{ a }}{% endif %}{# note #}", ["{% if a %}", "{% endif %}", "{# note #}"]),
    ("{{{raw}}} ${who} <%= x %>", ["{{{raw}}}", "${who}", "<%= x %>"]),
    ('{{"a": 1}}', ['{{"a": 1}}']),
    ("{{ question }} \\{{user.name}} {{question}}", []),
    ('{"a": 1} {} {1} f(x) { return x } a{b', []),
]


@pytest.mark.parametrize(("content", "found"), FOREIGN)
def test_template_syntax_of_other_tools_is_detected(content: str, found: list[str]) -> None:
    assert foreign_syntax(from_text(content)) == found


@given(st.text(alphabet="{}%#|a.$<>= \n", max_size=400))
def test_any_text_can_be_searched(content: str) -> None:
    assert all(part in content for part in foreign_syntax(from_text(content)))


def test_template_syntax_is_logged_once_for_default_and_live_version(
    client: Ratchet, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "ratchet")
    default = "Hello {{user.name}}"
    for _ in range(3):
        assert client.prompt("answer", default).text() == default
    assert caplog.text.count("{{user.name}}") == 1
    server.push(live_payload("answer", from_text("Hi {{#items}}")))
    eventually_sync(lambda: client.prompt("answer", default).live)


def test_unconvertible_values_of_records_reach_no_log(client: Ratchet, caplog: pytest.LogCaptureFixture) -> None:
    given: dict[str, Any] = {"n": "my secret\x00"}
    client.prompt("answer", "n is {{n}}.").render(**given)
    assert "secret" not in caplog.text
