"""Sessions of an app's users: they send what a user did after each answer, as far as it can be derived."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from ratchet.client.next_steps import IDLE_S, Answer, Step, input_print, last_step, next_step
from ratchet.client.recorded_items import Consent, ExecutionFields, FeedbackFields, Id, Kind
from ratchet.client.values import identifier

if TYPE_CHECKING:
    from ratchet.client.client_base import Client
    from ratchet.client.record_arguments import Used

MAX_SESSIONS = 5_000
Derived = tuple[Answer, Step]
"""An answer, and what its user did next."""


class OpenAnswers:
    """The last answer of each session of this process. At most 5,000; the one used longest ago is forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def add(self, session: str, answer: Answer) -> list[Derived]:
        """Add an answer; return the steps that are known by now, also of sessions that were left."""
        now = self._clock()
        with self._lock:
            previous = self._answers.pop(session, None)
            derived = self._left(now)
            if previous is not None and previous.execution_id == answer.execution_id:  # recorded again
                self._answers[session] = previous
                return derived
            step = None if previous is None else next_step(previous, answer.input, now)
            self._answers[session] = answer._replace(at=now, retried=step in ("requery", "regenerate"))
            if len(self._answers) > MAX_SESSIONS:
                self._answers.popitem(last=False)
        return derived if previous is None or step is None else [*derived, (previous, step)]

    def end(self, session: str) -> list[Derived]:
        """Forget a session; return the step of its last answer, if it is known."""
        with self._lock:
            previous = self._answers.pop(session, None)
        step = previous and last_step(previous)
        return [(previous, step)] if previous and step else []

    def _left(self, now: float) -> list[Derived]:
        """Forget the sessions without a call for 30 minutes; return the steps of their last answers."""
        derived: list[Derived] = []
        while self._answers:
            session, answer = next(iter(self._answers.items()))
            if now - answer.at <= IDLE_S:
                break
            del self._answers[session]
            if (step := last_step(answer)) is not None:
                derived.append((answer, step))
        return derived


class UserSession:
    """One session of a user, such as a conversation: records its executions, and sends what the user did next.

    Create it for each request, or keep it: what it needs to know is kept in the client, in this process. As a
    context manager it ends with its block.
    """

    def __init__(self, client: "Client", answers: OpenAnswers, session: Id, user: Id | None, consent: Consent | None):
        self._client = client
        self._answers = answers
        self._id = session
        self._user = user
        self._consent = consent

    def record(
        self, target: str | None = None, *, prompts: "Iterable[Used] | None" = (), **fields: Unpack[ExecutionFields]
    ) -> str:
        """Record one LLM call of the session, as `Ratchet.record` does, and send the step after the call before.

        A call with `parent_id` is a part of another one: it is not a step.
        """
        fields.setdefault("session", self._id)
        fields.setdefault("user", self._user)
        fields.setdefault("consent", self._consent)
        execution_id = self._client.record(target, prompts=prompts, **fields)
        if fields.get("parent_id") is None and (key := self._key()):
            given = input_print(fields.get("input"))
            answer = Answer(execution_id, given, user=fields["user"], consent=fields["consent"])
            self._send(self._answers.add(key, answer))
        return execution_id

    def feedback(self, *, kind: Kind, value: object = None, **fields: Unpack[FeedbackFields]) -> str:
        """Send feedback about the session as a whole, as `Ratchet.feedback` does; return its id."""
        fields.setdefault("user", self._user)
        fields.setdefault("consent", self._consent)
        return self._client.feedback(kind=kind, value=value, session=self._id, **fields)

    def end(self) -> None:
        """Say that the user has left, and send `abandon` for a last answer that was a retry."""
        if key := self._key():
            self._send(self._answers.end(key))

    def _key(self) -> str | None:
        try:
            return identifier(self._id)
        except Exception:  # an odd value, which `record` leaves out: the app goes on
            return None

    def _send(self, derived: Iterable[Derived]) -> None:
        for answer, step in derived:
            self._client.feedback(answer.execution_id, kind=step, user=answer.user, consent=answer.consent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
