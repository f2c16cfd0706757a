"""The callback in the real LiteLLM, where it is installed: it has 256 MB and imports in 15 s of processor time.

`uv pip install litellm` in the environment runs this contract test; `tests/unit/sdk/test_litellm_calls.py` has what
LiteLLM passes to its callbacks.
"""

from typing import Any

import pytest

from ratchet import Ratchet
from ratchet.integrations.litellm import ratchet_logger
from tests.integration.sdk.conftest import Recorded
from tests.support.eventually import eventually_sync

MESSAGES: Any = [{"role": "user", "content": "Why?"}]


@pytest.fixture
def litellm(client: Ratchet, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    module = pytest.importorskip("litellm")
    monkeypatch.setattr(module, "callbacks", [ratchet_logger(client)])
    return module


def complete(litellm: Any, reply: object = "Because.", **more: Any) -> Any:
    return litellm.completion(model="gpt-4o", messages=MESSAGES, mock_response=reply, **more)


@pytest.mark.filterwarnings("ignore")
def test_calls_streams_and_errors_are_recorded(client: Ratchet, litellm: Any, recorded: Recorded) -> None:
    with client.observe("support"):
        complete(litellm, temperature=0.5)
        list(complete(litellm, stream=True))
        with pytest.raises(litellm.exceptions.InternalServerError):
            complete(litellm, RuntimeError("secret"))
    eventually_sync(lambda: client.counters.accepted == 4)
    root, *_ = (body for body in recorded.all() if body["target"] == "support")
    steps = [body for body in recorded.all() if body["target"] == "support/litellm"]
    assert {step["parent_id"] for step in steps} == {root["id"]}
    assert sorted(step["outcome"] for step in steps) == ["error", "ok", "ok"]
    assert all(step["output"] == "Because." and step["cost"] > 0 for step in steps if step["outcome"] == "ok")
