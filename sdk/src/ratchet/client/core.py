"""What the sync and the async client share: everything but the way to wait."""

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, Unpack, cast

import httpx

from ratchet.client import items
from ratchet.client.bodies import feedback_id, item_id
from ratchet.client.exit_hook import ExitHook
from ratchet.client.items import ExecutionFields, FeedbackFields, Id, Kind, PromptLabel
from ratchet.client.live import Trust, trusted_keys
from ratchet.client.options import certificates, options
from ratchet.client.prompt_cache import PromptCache
from ratchet.client.prompts import Default, ServedPrompt
from ratchet.client.queue import Counters
from ratchet.client.sender import LEAST_JOIN, Sender
from ratchet.client.stream import SubscriberThread
from ratchet.client.values import identifier
from ratchet.prompt import prompt_name

log = logging.getLogger("ratchet")

Used = ServedPrompt | PromptLabel

_AT_EXIT = 2.0


class AnyTransport(Protocol):
    """A stand-in for the network that serves both kinds of client, as `httpx.MockTransport` does."""

    def handle_request(self, request: httpx.Request) -> httpx.Response: ...

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response: ...


@dataclass(frozen=True, slots=True)
class _Process:
    """What belongs to one process: threads and locks do not survive a fork."""

    pid: int
    sender: Sender
    stream: SubscriberThread
    shelf: PromptCache
    ending: ExitHook


class Client:
    """Recording, feedback and prompts; nothing here waits for the network."""

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        public_key: str | Sequence[str] | None = None,
        project: str | None = None,
        environment: str | None = None,
        capacity: int = 10_000,
        capacity_bytes: int = 64_000_000,
        first_wait: float = 1.0,
        transport: AnyTransport | None = None,
    ) -> None:
        """`url` and `key` default to RATCHET_URL and RATCHET_KEY.

        `public_key` (RATCHET_PUBLIC_KEY): the signing keys to trust; else the server's, pinned at first sight.
        `project`, `environment` (RATCHET_PROJECT, RATCHET_ENVIRONMENT): whose prompts to accept; else those
        of the first verified one. `capacity`, `capacity_bytes`: items that may wait to be sent, and how much
        memory they may take; when full, new ones are dropped and counted. `first_wait`: seconds that the first
        `prompt()` of a name may wait for the server. Raises ValueError without a url or key, or for a url, key or
        public key that is none.
        """
        self._options = options(
            url,
            key,
            public_key=public_key,
            project=project,
            environment=environment,
            capacity=capacity,
            capacity_bytes=capacity_bytes,
            first_wait=first_wait,
        )
        self._transport = transport
        self._forked: dict[int, threading.Lock] = {}
        keys = trusted_keys(self._options.public_keys)
        self._process = self._begin(PromptCache(Trust(keys, self._options.project, self._options.environment)))

    @property
    def counters(self) -> Counters:
        """What became of records and feedback so far."""
        return self._here().sender.counters

    @property
    def refused_prompts(self) -> int:
        """How many versions were not served: not trusted, or with variables that the app's default does not have."""
        return self._here().shelf.refused

    def record(
        self, target: str | None = None, *, prompts: Iterable[Used] | None = (), **fields: Unpack[ExecutionFields]
    ) -> str:
        """Records one LLM call in the background and returns its id, to be used in `feedback`.

        `target`, the app or route whose quality is watched, defaults to that of the first served prompt.
        Never blocks and never raises for what the network, the server or the values do: a field of which nothing can
        be made is left out, an item that can't be sent is refused; both are logged and counted. Raises ValueError only
        where neither a target nor a served prompt is given.
        """
        used = _listed(prompts)
        unnamed = target is None or (isinstance(target, str) and not target)
        if unnamed and not any(isinstance(prompt, ServedPrompt) for prompt in used):
            raise ValueError("record needs a target, by itself or from a served prompt")
        execution_id = item_id(fields.get("id"), _new_id)
        self._send(
            execution_id,
            lambda: items.execution(execution_id, _target(target, used), map(_use, used), fields, _now()),
        )
        return execution_id

    def complete(
        self,
        execution_id: Id,
        target: str | None = None,
        *,
        prompts: Iterable[Used] | None = (),
        **fields: Unpack[ExecutionFields],
    ) -> None:
        """Adds to a recorded execution, in the background, what was not known then: output, latency, cost, scores.

        Target and prompts are those of `record`. A field that was recorded before keeps its value; a repeat changes
        nothing. As with `record`, nothing blocks; ValueError only without a target and a served prompt.
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
        """Sends what somebody thought of an execution, or of a whole trace, in the background; returns its id.

        `value` by kind: thumb True or False; rating 1 to 5; score any number, with a `name`; label a word;
        comment and correction a text. An `id` that is no UUID stands for one that is derived from it. As with
        `record`, nothing blocks or raises.
        """
        made_id = feedback_id(fields.get("id"), _new_id)
        about = {"execution_id": execution_id, "trace_id": trace_id}
        self._send(made_id, lambda: items.feedback(made_id, about, kind, value, fields, _now()))
        return made_id

    def _first_answer(self, name: str) -> "Future[None]":
        """Follows a name; done once there is nothing to wait for. Raises PromptError for what is no name."""
        return self._here().stream.follow(prompt_name(name))

    def _serve(self, name: str, default: Default | None, target: str | None) -> ServedPrompt:
        """What is served for a name at this moment. Raises NoPrompt."""
        return self._here().shelf.serve(prompt_name(name), default, target)

    def _flush(self, timeout: float) -> bool:
        return self._here().sender.flush(timeout)

    def _close(self, timeout: float) -> bool:
        process, deadline = self._here(), time.monotonic() + timeout
        process.ending.call_off()
        process.stream.stop()
        complete = process.sender.close(timeout)
        process.stream.join(max(LEAST_JOIN, deadline - time.monotonic()))
        return complete

    def _send(self, item_id: str, make: Callable[[], items.RecordedItem]) -> None:
        sender = self._here().sender
        try:
            item = make()
        except Exception as error:  # odd values, or a dict that another thread changes: no reason to stop the app
            sender.refuse(item_id, str(error) or type(error).__name__)
        else:
            sender.offer(item)

    def _here(self) -> _Process:
        if self._process.pid != (pid := os.getpid()):
            # A forked child: the parent sends what the parent accepted. The parent's locks may be held for ever.
            with self._forked.setdefault(pid, threading.Lock()):
                if self._process.pid != pid:
                    self._process = self._begin(self._process.shelf.after_fork())
        return self._process

    def _begin(self, shelf: PromptCache) -> _Process:
        ending = ExitHook(lambda: self._close(_AT_EXIT))
        sender = Sender(self._options, self._sync_client, on_start=ending.begin)
        stream = SubscriberThread(self._options, shelf, self._async_client, on_start=ending.begin)
        return _Process(os.getpid(), sender, stream, shelf, ending)

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
            "accept-encoding": "identity",  # a few bytes can unpack to very many
        }


def _listed(prompts: Iterable[Used] | None) -> Sequence[Used | None]:
    """The prompts of any iterable; one alone is a list of itself. What is none stays, to be left out of its item."""
    if isinstance(prompts, str | Mapping):
        return (cast(Used, prompts),)
    try:
        return tuple(prompts or ())
    except Exception:  # the app goes on
        return (cast(Used, prompts),)


def _named(target: object) -> str | None:
    """The target as text; None for nothing, and for what can't be one. An odd value's truth is never asked for."""
    try:
        return identifier(target)
    except Exception:  # the app goes on
        return None


def _target(given: object, used: Iterable[Used | None]) -> object:
    served_targets = (prompt.target for prompt in used if isinstance(prompt, ServedPrompt))
    target = _named(given) or next(filter(None, served_targets), None)
    if target is None:
        raise ValueError("nothing names its target: neither record, nor prompt, nor a live version so far")
    return target


def _use(prompt: Used | None) -> object:
    return prompt.use() if isinstance(prompt, ServedPrompt) else prompt


def _new_id() -> str:
    return str(uuid.uuid4())


def _now() -> datetime:
    return datetime.now(UTC)
