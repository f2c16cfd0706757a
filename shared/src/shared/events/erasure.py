"""Events about the erasure of a user: the request, and what each service has erased."""

from typing import ClassVar
from uuid import UUID

from shared.events.base import AwareDatetime, Event, subject_key


class _SubjectEvent(Event):
    """An event about one user of a project, in all of its environments. `subject` is the keyed hash of the user's id.

    `environment` is that of the key that the erasure was requested with.
    """

    erasure_id: UUID
    subject: str

    @property
    def key(self) -> str:
        return subject_key(self.project, self.subject)


class ErasureRequested(_SubjectEvent):
    """A person with the scope `admin` requested that a user is erased. `key_id` is their API key."""

    topic: ClassVar[str] = "erasure.requested"

    by: str
    key_id: str
    requested_at: AwareDatetime


class ExecutionsErased(_SubjectEvent):
    """The collector has erased executions of a user: what was made of them is to be erased, too.

    `references` are those of at most 5,000 executions (`shared.events.base`): whoever has an id can recognise it.
    An erasure has at least one part, counted from 1; the last one says that there are no more. `by` requested it.
    """

    topic: ClassVar[str] = "executions.erased"

    by: str
    part: int
    last: bool
    references: tuple[UUID, ...]


class ErasureCompleted(_SubjectEvent):
    """A service has erased a user. `erased` is the number of rows, messages or files by what they are."""

    topic: ClassVar[str] = "erasure.completed"

    service: str
    erased: dict[str, int]
    completed_at: AwareDatetime
