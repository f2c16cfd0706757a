"""Calls of the app's function, as `answer(prompt, case)`."""

import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ratchet.client.prompts import ServedPrompt
from ratchet.client.record_arguments import evaluated_call
from ratchet.client.worker.leased_tasks import AskedCase, CallResult, failed_call, json_result

AnswerFunction = Callable[[ServedPrompt, AskedCase], Any]
"""A function of the app, sync or async: returns an output, or `{"output": …}` with other fields."""


def call_function(
    function: AnswerFunction,
    prompt: ServedPrompt,
    case: AskedCase,
    wait: Callable[[Awaitable[Any]], Any],
) -> CallResult:
    """Return what the function returned, or the error that it raised; `wait` waits for an awaitable.

    What the function records with a client of Ratchet meanwhile is not sent.
    """
    start = time.perf_counter()
    try:
        with evaluated_call():
            returned = function(prompt, case)
            if inspect.isawaitable(returned):
                returned = wait(returned)
    except Exception as error:  # the app's own errors are its answers here
        return failed_call("error", _error_text(error), _ms_since(start))
    return json_result(returned, _ms_since(start))


def _error_text(error: Exception) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # the error's own text raises
        return type(error).__name__


def _ms_since(start: float) -> float:
    return 1000.0 * (time.perf_counter() - start)
