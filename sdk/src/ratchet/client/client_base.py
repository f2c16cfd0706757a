"""The base class of the sync and the async client: everything but waiting."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Unpack

from ratchet.client import recorded_items as items
from ratchet.client.bodies import feedback_id, item_id
from ratchet.client.http_clients import AnyTransport, HttpClients
from ratchet.client.observed_client import ObservedClient
from ratchet.client.options import OptionFields, Options, read_options
from ratchet.client.prompt_cache import PromptCache
from ratchet.client.prompt_refresh import SubscriberThread
from ratchet.client.prompt_verification import Trust, trusted_keys
from ratchet.client.prompts import Default, ServedPrompt
from ratchet.client.queue import Counters
from ratchet.client.record_arguments import Used, check_target, execution, is_evaluated, list_prompts_used, new_id
from ratchet.client.recorded_items import Consent, ExecutionFields, FeedbackFields, Id, Kind
from ratchet.client.saved_prompts import SavedPrompts
from ratchet.client.sender import MIN_JOIN, Sender
from ratchet.client.threads import ExitHook
from ratchet.client.user_sessions import OpenAnswers, UserSession
from ratchet.errors import ConfigurationError
from ratchet.prompt import prompt_name

if TYPE_CHECKING:
    from ratchet.client.worker.evaluation_worker import EvaluationWorker
    from ratchet.client.worker.function_calls import AnswerFunction

log = logging.getLogger("ratchet")

AT_EXIT = 2.0
"""Seconds for what is pending at the exit of a program that did not close its client."""


@dataclass(frozen=True, slots=True)
class _Process:
    """The state of one process: threads and locks do not survive a fork."""

    pid: int
    sender: Sender
    stream: SubscriberThread
    prompts: PromptCache
    exit_hook: ExitHook
    answers: OpenAnswers


def _new_cache(options: Options) -> PromptCache:
    """Return the cache of a new client. Raises ConfigurationError for a malformed public key."""
    folder = options.prompt_folder
    saved = None if folder is None else SavedPrompts(folder, options.url, options.key)
    return PromptCache(Trust(trusted_keys(options.public_keys), options.project, options.environment), saved=saved)


class Client(ObservedClient):
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

        Raises ConfigurationError where the URL or the key is missing, or one of them or a public key malformed.
        """
        super().__init__()
        self._options = read_options(url, key, **options)
        self._clients = HttpClients(self._options, transport)
        self._forked: dict[int, threading.Lock] = {}
        self._process = self._new_process(_new_cache(self._options))

    @property
    def options(self) -> Options:
        """The options that the client was created with."""
        return self._options

    def drain(self, timeout: float) -> bool:
        """Send what is pending for up to `timeout` seconds, then stop, blocking; False if anything was left unsent."""
        return self._close(timeout)

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
        is left out, an item that can't be sent is refused; both are logged and counted. Raises MissingTarget only where
        neither a target nor a served prompt is given.
        """
        used = list_prompts_used(prompts)
        check_target(target, used)
        execution_id = item_id(fields.get("id"), new_id)
        self._send(execution_id, execution, execution_id, target, used, fields)
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
        session: Id | None = None,
        **fields: Unpack[FeedbackFields],
    ) -> str:
        """Send feedback about an execution, a whole trace or a session, in the background; return its id.

        `value` by kind: thumb True or False; rating 1 to 5; score any number, with a `name`; label a word;
        comment and correction a text; preference a dict with `chosen` and `rejected`, each a text, messages or
        `{"execution_id": …}`, of which one may be left out: it is this execution's own output. What a user did: click
        and copy True (or nothing) or False; dwell milliseconds or a timedelta; requery, regenerate, abandon and
        continue nothing, where the latest replaces the others. An `id` that is not a UUID is replaced by one derived
        from it. Never blocks and never raises.
        """
        made_id = feedback_id(fields.get("id"), new_id)
        about = {"execution_id": execution_id, "trace_id": trace_id, "session": session}
        self._send(made_id, items.feedback, made_id, about, kind, value, fields, datetime.now(UTC))
        return made_id

    def session(self, session: Id, *, user: Id | None = None, consent: Consent | None = None) -> UserSession:
        """Return a session, such as a conversation: it records executions and sends what the user did after each.

        `user` and `consent` are those of its executions and feedback, where they have none of their own. Steps are
        derived within one process, from the inputs and times of its calls: see `ratchet.client.next_steps`.
        """
        return UserSession(self, self._process_state().answers, session, user, consent)

    def _first_answer(self, name: str) -> "Future[None]":
        """Follow a name; the future is done after the first answer. Raises PromptError for an invalid name."""
        return self._process_state().stream.follow(prompt_name(name))

    def _serve(
        self, name: str, default: Default | None, target: str | None, user: Id | None, session: Id | None
    ) -> ServedPrompt:
        """Return what is served for a name now. Raises NoPrompt."""
        units = self._units(user, session)
        return self._process_state().prompts.serve(prompt_name(name), default, target, self._note_rendering, units)

    def _flush(self, timeout: float) -> bool:
        return self._process_state().sender.flush(timeout)

    def _close(self, timeout: float) -> bool:
        process, deadline = self._process_state(), time.monotonic() + timeout
        process.exit_hook.unregister()
        process.stream.stop()
        complete = process.sender.close(timeout)
        process.stream.join(max(MIN_JOIN, deadline - time.monotonic()))
        return complete

    def worker(
        self,
        answer: "AnswerFunction",
        prompts: Sequence[str] | None = None,
        concurrency: int = 4,
        timeout_s: float = 60.0,
    ) -> "EvaluationWorker":
        """Return a worker that answers the cases of evaluations with `answer(prompt, case)`, sync or async.

        `prompts`: names of the prompts whose evaluations it answers, by default all. `concurrency`: calls at a time,
        each in a thread, coroutines in one event loop of the worker's own. A call that raises, or is not done in
        `timeout_s` seconds, is a failed answer. What a call records with this client is not sent. The key needs the
        scope `evaluate`. Raises ConfigurationError, or PromptError for a name.
        """
        from ratchet.client.worker.evaluation_worker import EvaluationWorker  # imported here: most clients have none
        from ratchet.client.worker.function_threads import FunctionThreads
        from ratchet.client.worker.worker_settings import WorkerSettings

        if not (callable(answer) and timeout_s > 0.0):
            raise ConfigurationError("answer must be a function, and timeout_s greater than 0")
        threads = FunctionThreads(answer, timeout_s)
        return EvaluationWorker(self._clients.new_async, threads, WorkerSettings(concurrency), prompts)

    def _send(self, item_id: str, make: Callable[..., items.UnencodedItem], *args: object) -> None:
        if is_evaluated():
            return
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
        exit_hook = ExitHook(lambda: self._close(AT_EXIT))
        sender = Sender(self._options, self._clients.new_sync, on_start=exit_hook.register)
        stream = SubscriberThread(self._options, prompts, self._clients.new_async, on_start=exit_hook.register)
        return _Process(os.getpid(), sender, stream, prompts, exit_hook, OpenAnswers())
