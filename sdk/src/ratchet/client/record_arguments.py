"""The arguments of `record`: which target, which prompts, which id. Raises nothing but MissingTarget.

Also whether the code that runs is a call of an evaluation: what that records is no traffic of the app, and is not sent.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, cast

from ratchet.client import recorded_items as items
from ratchet.client.arms import arm_of
from ratchet.client.prompts import ServedPrompt
from ratchet.client.recorded_items import PromptLabel
from ratchet.client.used_prompts import UsedPrompt
from ratchet.client.values import identifier
from ratchet.errors import MissingTarget

Used = ServedPrompt | PromptLabel


def list_prompts_used(prompts: Iterable[Used] | None) -> Sequence[Used | None]:
    """Return the prompts of any iterable; a single prompt becomes a list. Anything else is kept, and dropped later."""
    if type(prompts) is list or type(prompts) is tuple:  # most; the general way has the same result
        return tuple(prompts)
    if isinstance(prompts, str | Mapping):
        return (cast(Used, prompts),)
    try:
        return tuple(prompts or ())
    except Exception:  # the app goes on
        return (cast(Used, prompts),)


def check_target(given: object, used: Iterable[Used | None]) -> None:
    """Raise MissingTarget where neither a target nor a served prompt is given."""
    unnamed = given is None or (isinstance(given, str) and not given)
    if unnamed and not any(isinstance(prompt, ServedPrompt) for prompt in used):
        raise MissingTarget("target is missing: pass target, or a served prompt in prompts")


def execution(id: str, target: object, used: Sequence[Used | None], fields: Mapping[str, Any]) -> items.UnencodedItem:
    """Return the item of an execution. Raises ValueError where it has no target."""
    uses = [prompt.use() if isinstance(prompt, ServedPrompt) else prompt for prompt in used]
    if fields.get("arm") is None:
        arms = [use.arm for use in uses if isinstance(use, UsedPrompt)]
        if (arm := arm_of(arms)) is not None:
            fields = {**fields, "arm": arm}
    return items.execution(id, _target(target, used), uses, fields, datetime.now(UTC))


def new_id() -> str:
    """Return a random UUID (version 4), as `uuid.uuid4` does, in a third of its time."""
    number = os.urandom(16).hex()
    variant = "89ab"[int(number[16], 16) & 3]
    return f"{number[:8]}-{number[8:12]}-4{number[13:16]}-{variant}{number[17:20]}-{number[20:]}"


def _target(given: object, used: Iterable[Used | None]) -> object:
    if type(given) is str and given:  # most
        return given
    served_targets = (prompt.target for prompt in used if isinstance(prompt, ServedPrompt))
    target = _named(given) or next(filter(None, served_targets), None)
    if target is None:
        raise MissingTarget("target is missing: pass it to record or to prompt (no live version has one yet)")
    return target


def _named(target: object) -> str | None:
    """Return the target as text; None where it is empty or can't be converted. Never evaluates `bool(target)`."""
    try:
        return identifier(target)
    except Exception:  # the app goes on
        return None


_EVALUATED: ContextVar[bool] = ContextVar("ratchet_evaluated", default=False)


def is_evaluated() -> bool:
    """Return whether this thread or task runs a call of an evaluation."""
    return _EVALUATED.get()


@contextmanager
def evaluated_call() -> Iterator[None]:
    """Mark what runs in the block, and asyncio tasks that it starts, as a call of an evaluation."""
    token = _EVALUATED.set(True)
    try:
        yield
    finally:
        _EVALUATED.reset(token)
