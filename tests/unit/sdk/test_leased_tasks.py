"""Tasks as the server sends them."""

from typing import Any

import pytest

from ratchet.client.worker.leased_tasks import InvalidTask, LeaseKey, parse_task
from ratchet.prompt import example_set_digest, parse
from tests.support.prompts import minimal

EXAMPLES = [{"input": "q", "output": "a"}]
TURNS = [{"role": "system", "content": "Help."}, {"slot": "shots"}]
PROMPT = parse(minimal(messages=TURNS, slots={"shots": {"max": 5, "set": example_set_digest(EXAMPLES)}}))
KEY = LeaseKey("1", "2")


def sent(**prompt: Any) -> dict[str, Any]:
    described = {"name": "answer", "digest": PROMPT.digest, "document": PROMPT.to_dict(), **prompt}
    return {"prompt": described, "case": {"id": "c", "input": "?"}}


def test_examples_are_those_that_the_prompt_names() -> None:
    assert parse_task(KEY, sent(examples={"shots": EXAMPLES})).examples == {"shots": ({"input": "q", "output": "a"},)}


def test_slots_without_examples_are_empty() -> None:
    assert parse_task(KEY, sent()).examples == {}


@pytest.mark.parametrize("examples", [{"shots": []}, {"other": EXAMPLES}, {"shots": [{"input": "q"}]}, {"shots": 1}])
def test_other_examples_are_refused(examples: dict[str, Any]) -> None:
    with pytest.raises(InvalidTask):
        parse_task(KEY, sent(examples=examples))
