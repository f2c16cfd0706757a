"""What a client has for calls that are observed while they run."""

from collections.abc import Iterable
from typing import Any, Unpack, cast, overload

from ratchet.client.arms import Units
from ratchet.client.call_observer import CallObserver, Function
from ratchet.client.fault_log import FaultLog
from ratchet.client.observed_call import CURRENT, ObservedCall
from ratchet.client.prompts import ServedPrompt
from ratchet.client.record_arguments import Used, list_prompts_used, new_id
from ratchet.client.recorded_items import ExecutionFields
from ratchet.client.rendered_prompts import RenderedPrompts
from ratchet.client.used_prompts import UsedPrompt


class ObservedClient:
    """The part of a client that observes calls; `record` is that of the client."""

    def __init__(self) -> None:
        self.faults = FaultLog()
        """Faults of adapters and observations, which the app never sees."""
        self.rendered = RenderedPrompts()
        """The prompts that were rendered last, by which adapters find those of a model call."""

    def record(
        self, target: str | None = None, *, prompts: Iterable[Used] | None = (), **fields: Unpack[ExecutionFields]
    ) -> str:
        """Record one LLM call and return its id: see `Client`."""
        raise NotImplementedError

    @overload
    def observe(self, target: Function, /) -> Function: ...

    @overload
    def observe(
        self,
        target: str | None = None,
        *,
        prompts: Iterable[Used] | None = (),
        capture_input: bool = True,
        capture_output: bool = True,
        **fields: Unpack[ExecutionFields],
    ) -> CallObserver: ...

    def observe(
        self,
        target: Any = None,
        *,
        prompts: Iterable[Used] | None = (),
        capture_input: bool = True,
        capture_output: bool = True,
        **fields: Unpack[ExecutionFields],
    ) -> Any:
        """Record each call of a function, or a block, as one execution with its latency, outcome and steps.

        A decorator, with or without arguments, for functions, coroutines and (async) generators, whose arguments and
        results become `input` and `output` unless `capture_input` or `capture_output` is False; and a context manager,
        which returns the call. `target` defaults to the function's name. Prompts that are rendered meanwhile are named
        by themselves; pass others in `prompts`. Calls inside other ones, also of wrapped model clients, are steps of
        one trace. Exceptions pass through unchanged; blocks and raises no more than `record`.
        """
        if callable(target):
            return CallObserver(self, None, (), {}, True, True)(target)
        given = [prompt for prompt in list_prompts_used(prompts) if prompt is not None]
        return CallObserver(self, target, given, cast(dict[str, Any], fields), capture_input, capture_output)

    def current_call(self) -> ObservedCall | None:
        """Return the innermost call of this client that is observed in this thread or task; None outside of all."""
        call = CURRENT.get()
        while call is not None and call.client is not self:
            call = call.outer
        return call

    def begin_call(
        self, name: str, target: str | None, prompts: Iterable[Any] = (), fields: dict[str, Any] | None = None
    ) -> ObservedCall:
        """Begin a call, inside the current one, without making it the current one. For adapters."""
        known = {} if fields is None else fields
        own = known.pop("id", None)
        call_id = new_id() if own is None else str(own)
        return ObservedCall(self, name, call_id, self.current_call(), target, prompts, known)

    def _units(self, user: Any, session: Any) -> Units:
        """Return whose call it is: as given, or else as the observed calls around it say."""
        call = self.current_call()
        while call is not None:
            user, session = (
                call.field(name) if given is None else given for name, given in (("user", user), ("session", session))
            )
            call = call.enclosing
        return Units(user, session, new_id())

    def _note_rendering(self, texts: list[str], prompt: ServedPrompt) -> None:
        """Note that `prompt` was rendered to these texts, in the current call if there is one."""
        with self.faults.contained("the use of a prompt"):
            use: UsedPrompt = prompt.use()
            self.rendered.add(texts, use, prompt.target)
            if (call := self.current_call()) is not None:
                call.name_prompts((use,))
