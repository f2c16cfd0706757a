"""An app for tests of worker processes: what it does is in the input of the case."""

import os
import sys
import time
from typing import Any

from ratchet.client.prompts import ServedPrompt
from ratchet.client.worker import AskedCase


def answer(prompt: ServedPrompt, case: AskedCase) -> Any:
    """Do what the case's input says; by default, return the rendered prompt."""
    print("printed by the app")
    match case.input:
        case "hang":
            time.sleep(600)
        case "read":
            return sys.stdin.read()
        case "exit":
            sys.exit(7)
        case "die":
            os._exit(3)
        case "raise":
            raise RuntimeError("no key")
        case "object":
            return object()
        case "wrong":
            return {"output": "x", "contexts": [{"title": "y"}]}
        case "huge":
            return "x" * 11_000_000
        case "repeat":
            return case.repeat
        case "all":
            return {"output": "x", "contexts": ["y"], "tools": ["find"], "cost": 0.5, "model": "m"}
    return prompt.text(question=case.input)


async def answer_later(prompt: ServedPrompt, case: AskedCase) -> Any:
    """Return the case's input, as a coroutine."""
    return case.input
