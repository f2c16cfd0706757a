"""The process that runs the app's function: reads a request a line from stdin, and writes an answer a line.

    python -m ratchet_evaluation.worker_process MODULE:FUNCTION

What the app prints goes to stderr. Runs until stdin is closed. The function is called as `answer(prompt, case)`; it may
be a coroutine function.
"""

import asyncio
import importlib
import json
import os
import sys
from collections.abc import Awaitable, Mapping
from typing import Any, TextIO

from ratchet.client.prompts import ServedPrompt
from ratchet.client.worker.function_calls import AnswerFunction, call_function
from ratchet.client.worker.leased_tasks import AskedCase
from ratchet.prompt import parse

NAME = "evaluation"
"""Name of the prompt that the app's function receives, where the request has none."""


class InvalidWorker(ValueError):
    """The name of the app's function is malformed, or does not lead to a function."""


def find_function(name: str) -> AnswerFunction:
    """Return the function of `module:function`. Raises InvalidWorker; an error of the module's own passes through."""
    module, _, path = name.partition(":")
    if not module or not path:
        raise InvalidWorker("must be module:function, such as my_app:answer")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise InvalidWorker(f"{module} has no function {path}")
    return found  # type: ignore[no-any-return]


def answer_request(function: AnswerFunction, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to a request as JSON: what the function returned, or the error that it raised."""
    prompt = ServedPrompt(request.get("name", NAME), parse(request["prompt"]), False, request.get("examples") or {})
    return call_function(function, prompt, AskedCase(**request["case"]), _run).to_json()


def _run(awaitable: Awaitable[Any]) -> Any:
    async def wait() -> Any:
        return await awaitable

    return asyncio.run(wait())


def _private_streams() -> tuple[TextIO, TextIO]:
    """Return stdin and stdout for this protocol. The app reads nothing, and what it prints goes to stderr."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return os.fdopen(requests, encoding="utf-8"), os.fdopen(answers, "w", encoding="utf-8")


def main() -> int:
    """Answer requests until stdin is closed."""
    requests, answers = _private_streams()

    def write(answer: Mapping[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    sys.path.insert(0, os.getcwd())
    try:
        function = find_function(sys.argv[1])
    except Exception as error:  # an import runs the app's code
        shown = str(error) if isinstance(error, InvalidWorker) else f"{type(error).__name__}: {error}"
        write({"unusable": shown})
        return 2
    write({"ready": True})
    for line in requests:
        write(answer_request(function, json.loads(line)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
