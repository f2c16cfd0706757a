"""The base class of the sync and the async client: everything but waiting."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, Unpack, cast

import httpx

from ratchet.client import recorded_items as items
from ratchet.client.bodies import feedback_id, item_id
from ratchet.client.options import OptionFields, certificates, read_options
from ratchet.client.prompt_cache import PromptCache
from ratchet.client.prompt_verification import Trust, trusted_keys
from ratchet.client.prompts import Default, ServedPrompt
from ratchet.client.queue import Counters
from ratchet.client.recorded_items import ExecutionFields, FeedbackFields, Id, Kind, PromptLabel
from ratchet.client.sender import MIN_JOIN, Sender
from ratchet.client.stream import SubscriberThread
from ratchet.client.threads import ExitHook
from ratchet.client.values import identifier
from ratchet.prompt import prompt_name

log = logging.getLogger("ratchet")

Used = ServedPrompt | PromptLabel

_AT_EXIT = 2.0


class AnyTransport(Protocol):
    """An httpx transport for sync and async clients, as `httpx.MockTransport` is."""

    def handle_request(self, request: httpx.Request) -> httpx.Response: ...

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response: ...


@dataclass(frozen=True, slots=True)
class _Process:
    """The state of one process: threads and locks do not survive a fork."""

    pid: int
    sender: Sender
    stream: SubscriberThread
    prompts: PromptCache
    exit_hook: ExitHook


class Client:
    """Executions, feedback and prompts. No method here waits for the network."""

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        transport: AnyTransport | None = None,
        **options: Unpack[OptionFields],
    ) -> None:
        """`url` and `key` default to RATCHET_URL and RATCHET_KEY; `OptionFields` describes the other arguments.

        Raises ValueError where the URL or the key is missing, or where one of them or a public key is malformed.
        """
        self._options = read_options(url, key, **options)
        self._transport = transport
        self._forked: dict[int, threading.Lock] = {}
        keys = trusted_keys(self._options.public_keys)
        self._process = self._new_process(PromptCache(Trust(keys, self._options.project, self._options.environment)))

    @property
    def counters(self) -> Counters:
        """How many executions and feedback were accepted, sent, refused and dropped so far."""
        return self._process_state().sender.counters

    @property
    def refused_prompts(self) -> int:
        """The number of versions not served: not trusted, or with variables that the app's default does not have."""
        return self._process_state().prompts.refused

    def record(
        self, target: str | None = None, *, prompts: Iterable[Used] | None = (), **fields: Unpack[ExecutionFields]
    ) -> str:
        """Record one LLM call in the background and return its id, to be passed to `feedback`.

        `target`, the app or route whose quality is watched, defaults to the target of the first served prompt.
        Never blocks, and never raises because of the network, the server or a value: a field that can't be converted
        is left out, an item that can't be sent is refused; both are logged and counted. Raises ValueError only where
        neither a target nor a served prompt is given.
        """
        used = _listed(prompts)
        unnamed = target is None or (isinstance(target, str) and not target)
        if unnamed and not any(isinstance(prompt, ServedPrompt) for prompt in used):
            raise ValueError("target is missing: pass target, or a served prompt in prompts")
        execution_id = item_id(fields.get("id"), _new_id)
        self._send(execution_id, _execution, execution_id, target, used, fields)
        return execution_id

    def complete(
        self,
        execution_id: Id,
        target: str | None = None,
        *,
        prompts: Iterable[Used] | None = (),
        **fields: Unpack[ExecutionFields],
    ) -> None:
        """Add fields to a recorded execution in the background, such as output, latency, cost and scores.

        Pass the target and prompts of `record`. A field that was recorded before keeps its value; repeating the call
        changes nothing. Blocks and raises as little as `record`.
        """
        fields["id"] = execution_id
        self.record(target, prompts=prompts, **fields)

    def feedback(
        self,
        execution_id: Id | None = None,
        *,
        kind: Kind,
        value: object = None,
        trace_id: Id | None = None,
        **fields: Unpack[FeedbackFields],
    ) -> str:
        """Send feedback about an execution, or about a whole trace, in the background; return its id.

        `value` by kind: thumb True or False; rating 1 to 5; score any number, with a `name`; label a word;
        comment and correction a text. An `id` that is not a UUID is replaced by one derived from it. Never blocks
        and never raises.
        """
        made_id = feedback_id(fields.get("id"), _new_id)
        about = {"execution_id": execution_id, "trace_id": trace_id}
        self._send(made_id, items.feedback, made_id, about, kind, value, fields, datetime.now(UTC))
        return made_id

    def _first_answer(self, name: str) -> "Future[None]":
        """Follow a name; the future is done after the first answer. Raises PromptError for an invalid name."""
        return self._process_state().stream.follow(prompt_name(name))

    def _serve(self, name: str, default: Default | None, target: str | None) -> ServedPrompt:
        """Return what is served for a name now. Raises NoPrompt."""
        return self._process_state().prompts.serve(prompt_name(name), default, target)

    def _flush(self, timeout: float) -> bool:
        return self._process_state().sender.flush(timeout)

    def _close(self, timeout: float) -> bool:
        process, deadline = self._process_state(), time.monotonic() + timeout
        process.exit_hook.unregister()
        process.stream.stop()
        complete = process.sender.close(timeout)
        process.stream.join(max(MIN_JOIN, deadline - time.monotonic()))
        return complete

    def _send(self, item_id: str, make: Callable[..., items.UnencodedItem], *args: object) -> None:
        sender = self._process_state().sender
        try:
            item = make(*args)
        except Exception as error:  # an odd value, or a dict that another thread changes: the app must go on
            sender.refuse(item_id, str(error) or type(error).__name__)
        else:
            sender.offer(item)

    def _process_state(self) -> _Process:
        if self._process.pid != (pid := os.getpid()):
            # A forked child: the parent sends what it accepted itself, and its locks may never be released here.
            with self._forked.setdefault(pid, threading.Lock()):
                if self._process.pid != pid:
                    self._process = self._new_process(self._process.prompts.after_fork())
        return self._process

    def _new_process(self, prompts: PromptCache) -> _Process:
        exit_hook = ExitHook(lambda: self._close(_AT_EXIT))
        sender = Sender(self._options, self._sync_client, on_start=exit_hook.register)
        stream = SubscriberThread(self._options, prompts, self._async_client, on_start=exit_hook.register)
        return _Process(os.getpid(), sender, stream, prompts, exit_hook)

    def _sync_client(self) -> httpx.Client:
        transport = cast(httpx.BaseTransport | None, self._transport)
        return httpx.Client(
            base_url=self._options.url,
            headers=self._headers(),
            timeout=self._options.timeout,
            transport=transport,
            verify=certificates(self._options.url),
        )

    def _async_client(self) -> httpx.AsyncClient:
        transport = cast(httpx.AsyncBaseTransport | None, self._transport)
        return httpx.AsyncClient(
            base_url=self._options.url,
            headers=self._headers(),
            timeout=self._options.timeout,
            transport=transport,
            verify=certificates(self._options.url),
        )

    def _headers(self) -> dict[str, str]:
        return {
            "authorization": f"Bearer {self._options.key}",
            "user-agent": "ratchet-python",
            "accept-encoding": "identity",  # a few compressed bytes can expand to very many
        }


def _listed(prompts: Iterable[Used] | None) -> Sequence[Used | None]:
    """Return the prompts of any iterable; a single prompt becomes a list. Anything else is kept, and dropped later."""
    if type(prompts) is list or type(prompts) is tuple:  # most; the general way has the same result
        return tuple(prompts)
    if isinstance(prompts, str | Mapping):
        return (cast(Used, prompts),)
    try:
        return tuple(prompts or ())
    except Exception:  # the app goes on
        return (cast(Used, prompts),)


def _named(target: object) -> str | None:
    """Return the target as text; None where it is empty or can't be converted. Never evaluates `bool(target)`."""
    try:
        return identifier(target)
    except Exception:  # the app goes on
        return None


def _target(given: object, used: Iterable[Used | None]) -> object:
    if type(given) is str and given:  # most
        return given
    served_targets = (prompt.target for prompt in used if isinstance(prompt, ServedPrompt))
    target = _named(given) or next(filter(None, served_targets), None)
    if target is None:
        raise ValueError("target is missing: pass it to record or to prompt (no live version has one yet)")
    return target


def _new_id() -> str:
    """Return a random UUID (version 4), as `uuid.uuid4` does, in a third of its time."""
    number = os.urandom(16).hex()
    variant = "89ab"[int(number[16], 16) & 3]
    return f"{number[:8]}-{number[8:12]}-4{number[13:16]}-{variant}{number[17:20]}-{number[20:]}"


def _execution(id: str, target: object, used: Sequence[Used | None], fields: Mapping[str, Any]) -> items.UnencodedItem:
    uses = [prompt.use() if isinstance(prompt, ServedPrompt) else prompt for prompt in used]
    return items.execution(id, _target(target, used), uses, fields, datetime.now(UTC))
