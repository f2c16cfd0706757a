"""A call that is observed while it runs, and recorded as one execution when it ends."""

import os
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Protocol, Unpack, cast

from ratchet.client.fault_log import FaultLog
from ratchet.client.recorded_items import ExecutionFields
from ratchet.client.rendered_prompts import RenderedPrompts
from ratchet.client.used_prompts import UsedPrompt

CURRENT: ContextVar["ObservedCall | None"] = ContextVar("ratchet_call", default=None)
"""The innermost observed call of this thread or task."""

_LONGEST_TARGET = 128
_INHERITED = ("user", "session", "consent", "arm", "region", "confidentiality")
_MERGED = ("attributes", "scores", "parameters")
_APPENDED = ("contexts", "tools")
_MAX_PROMPTS = 20


class CallRecorder(Protocol):
    """What an observed call needs of its client."""

    faults: FaultLog
    rendered: RenderedPrompts

    @property
    def record(self) -> Callable[..., str]: ...


class ObservedCall:
    """A call in progress. Its `id` is that of its execution, to be passed to `feedback`.

    A call inside another one is a step of it: it has the same `trace_id`, the other's id as its parent, and, unless it
    was given a target, a target made of the outermost call's and its own name, such as `support/openai`, so that
    metrics of steps and of whole answers stay apart. Prompts and models that steps use are named by the enclosing calls
    with a target of their own, which are those that get feedback.
    """

    def __init__(
        self,
        client: CallRecorder,
        name: str,
        new_id: str,
        enclosing: "ObservedCall | None",
        target: str | None,
        prompts: Iterable[Any],
        fields: dict[str, Any],
    ) -> None:
        self.id: str = new_id
        self.root: ObservedCall = self if enclosing is None else enclosing.root
        self.is_step = enclosing is not None and not target
        self.target: str = target or (f"{self.root.target}/{name}"[:_LONGEST_TARGET] if enclosing else name)
        self.trace_id: Any = fields.get("trace_id") or (new_id if enclosing is None else enclosing.trace_id)
        self.enclosing = enclosing
        self.outer = CURRENT.get()
        """The call that was the current one, of any client."""
        self.client = client
        self._fields = fields
        self._prompts = list(prompts)
        self._used: dict[str, UsedPrompt] = {}
        self._models: set[str] = set()
        self._pid = os.getpid()
        self._ended = False
        self._began = time.perf_counter()

    def add(self, **fields: Unpack[ExecutionFields]) -> None:
        """Add fields to the execution: `contexts` and `tools` to those there are, members to `attributes`, `scores`
        and `parameters`; any other field replaces its former value. Without effect after the end. Raises nothing."""
        with self.client.faults.contained("fields of a call"):
            self._add(cast(dict[str, Any], fields))

    def name_prompts(self, uses: Iterable[UsedPrompt]) -> None:
        """Note the prompts that this call or a step of it used."""
        for use in uses:
            call: ObservedCall | None = self
            while call is not None:
                if not call.is_step:
                    call._used[use.name] = use
                call = call.enclosing

    def name_model(self, model: str) -> None:
        """Note the model that this call or a step of it used."""
        call: ObservedCall | None = self
        while call is not None:
            call._models.add(model)
            call = call.enclosing

    @property
    def has_ended(self) -> bool:
        return self._ended

    def field(self, name: str) -> Any:
        """Return a field that was added; None if there is none."""
        return self._fields.get(name)

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since the call began."""
        return (time.perf_counter() - self._began) * 1000

    def end(self, error: BaseException | None = None, **found: Any) -> None:
        """Record the execution with what was found, where the app has not added it itself.

        Only the first call has an effect. A forked child leaves the call to its parent. Raises nothing.
        """
        if self._ended or os.getpid() != self._pid:
            return
        self._ended = True
        elapsed = self.elapsed_ms
        with self.client.faults.contained("a call"):
            if error is not None:
                self._add_missing(failure_fields(error))
            self._add_missing(found)
            self._fields.setdefault("latency_ms", elapsed)
            self._record()

    def _add(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            known = self._fields.get(name)
            if known and name in _MERGED:
                self._fields[name] = {**known, **(value or {})}
            elif known and name in _APPENDED:
                self._fields[name] = [*known, *(value or ())]
            elif name != "id":
                self._fields[name] = value

    def _add_missing(self, found: dict[str, Any]) -> None:
        """Add fields that the app has not added, and members of those that are merged."""
        for name, value in found.items():
            if name not in self._fields:
                self._fields[name] = value
            elif name in _MERGED:
                self._fields[name] = {**value, **(self._fields[name] or {})}

    def _record(self) -> None:
        fields = self._fields
        if self.enclosing is not None:
            fields.setdefault("parent_id", self.enclosing.id)
            self._inherit(self.enclosing)
        fields["id"], fields["trace_id"] = self.id, self.trace_id
        if len(self._models) == 1 and not fields.get("model"):
            (fields["model"],) = self._models
        self.client.record(self.target, prompts=self._named_prompts(), **fields)

    def _inherit(self, call: "ObservedCall | None") -> None:
        while call is not None:
            for name in _INHERITED:
                if call._fields.get(name) is not None:
                    self._fields.setdefault(name, call._fields[name])
            call = call.enclosing

    def _named_prompts(self) -> list[Any]:
        """Return the given prompts and the used ones; a used one replaces a label of its name."""
        if not self._used:
            return self._prompts
        given = [prompt for prompt in self._prompts if prompt_label(prompt) not in self._used]
        return [*given, *self._used.values()][:_MAX_PROMPTS]


def prompt_label(prompt: Any) -> Any:
    """Return the name of a prompt that was given as a name, a label or a served prompt."""
    if isinstance(prompt, str):
        return prompt
    return prompt.get("name") if isinstance(prompt, dict) else getattr(prompt, "name", None)


def failure_fields(error: BaseException) -> dict[str, Any]:
    """Return the outcome and attributes of an error; the outcome is unknown for a cancellation or an exit.

    The error's text is left out: it may contain what a user wrote.
    """
    attributes: dict[str, Any] = {"error_type": type(error).__name__}
    status = getattr(error, "status_code", None)
    if type(status) is int:
        attributes["http_status"] = status
    if not isinstance(error, Exception):
        return {"attributes": attributes}
    timed_out = isinstance(error, TimeoutError) or any("Timeout" in kind.__name__ for kind in type(error).__mro__)
    return {"outcome": "timeout" if timed_out else "error", "attributes": attributes}
