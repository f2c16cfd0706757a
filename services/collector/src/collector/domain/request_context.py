"""The context of a request: its caller, its clock skew, and the idempotency claims of its items. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from msgspec.json import encode

from collector.domain.model import Claim, Origin, as_uuid, key_hash
from collector.domain.schemas import Scoped
from shared.auth.principal import Principal
from shared.events import new_id
from shared.events.feedback import KeyScope
from shared.problems import Problem


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """A hashing key (256 random bits), and the id with which its pseudonyms begin, so that keys can be rotated."""

    key_id: str
    secret: bytes

    def pseudonym(self, project: str, user: str) -> str:
        """Return the pseudonym of `user`, which differs between projects."""
        keyed = blake2b(f"{project}\x1f{user}".encode(), digest_size=16, key=self.secret)  # a MAC: RFC 7693
        return f"{self.key_id}:{keyed.hexdigest()}"


NO_SKEW = timedelta(0)


def clock_skew(date: bytes, now: datetime) -> timedelta:
    """Return how far the app's clock is ahead of `now`; zero where the header is malformed."""
    sent = _parsed(date)
    return NO_SKEW if sent is None else sent - now


@lru_cache(maxsize=64)
def _parsed(date: bytes) -> datetime | None:
    """Return the parsed header. Cached: all requests of one second have the same."""
    try:
        found = parsedate_to_datetime(date.decode("ascii"))
    except (ValueError, TypeError, IndexError, OverflowError):  # all raised by the standard library's parser
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


Route = Literal["executions", "feedback"]

MAX_SKEW = timedelta(minutes=5)
"""Clock skew up to this is not corrected."""

_USUAL = timedelta(days=3650)
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)


class RequestContext(NamedTuple):
    """What the items of one request have in common. `key_scope` is the least trusted scope of its API key."""

    key_id: str
    origin: Origin
    pseudonym_key: PseudonymKey
    idempotency_key: str | None = None
    key_scope: KeyScope | None = None
    skew: timedelta = NO_SKEW
    """How far the app's clock is ahead of ours; zero where unknown."""

    def pseudonym(self, user: str | None) -> str | None:
        """Return the pseudonym of a user."""
        return None if user is None else self.pseudonym_key.pseudonym(self.origin.project, user)

    def check_scope(self, body: Scoped) -> None:
        """Check that a body names no other project or environment than the key's. Raises Problem 403."""
        if body.project is None and body.environment is None:
            return
        for field, ours in (("project", self.origin.project), ("environment", self.origin.environment)):
            named = getattr(body, field)
            if named is not None and named != ours:
                error = {"field": field, "reason": "is not the key's"}
                raise Problem(
                    403,
                    "foreign-scope",
                    "The key belongs to another project or environment",
                    f"{field}: is not the key's",
                    [error],
                )

    def event_time(self, occurred_at: datetime | None) -> tuple[datetime, int | None]:
        """Return the time of an event by our clock, and where it was corrected, the app's clock skew in seconds.

        A known skew over `MAX_SKEW` is subtracted. A time in the future or before the year 2000 becomes the time of
        receipt. No time is refused: the item matters more.
        """
        now = self.origin.received_at
        if occurred_at is None:
            return now, None
        ahead = occurred_at - now
        wrong = self.skew is not NO_SKEW and abs(self.skew) > MAX_SKEW
        if not wrong and -_USUAL < ahead <= MAX_SKEW:
            return occurred_at, None
        age = (self.skew if wrong else timedelta(0)) - ahead
        if not (timedelta(0) if wrong else -MAX_SKEW) <= age <= now - _FIRST:
            return now, round((self.skew if wrong else ahead).total_seconds())
        return (now - age, round(self.skew.total_seconds())) if wrong else (occurred_at, None)

    def identify(self, route: Route, item: object, own_id: str | None, index: int) -> tuple[str, tuple[Claim, ...]]:
        """Return the item's event id (a UUID) and its idempotency claims, by its own id and by the Idempotency-Key.

        An item that has neither gets a new id and no claim: a repeat of it can't be recognised.
        """
        claims: tuple[Claim, ...] = ()
        item = _plain_number(item)
        if own_id is not None:
            key = key_hash(route, self.origin.project, self.origin.environment, own_id)
            claims = (Claim(key, _digest(_content(item)), "changed"),)
        if self.idempotency_key is not None:
            key = key_hash("idempotency", self.key_id, route, self.idempotency_key, str(index))
            claims = (*claims, Claim(key, _digest(item)))
        return (as_uuid(claims[0].key) if claims else str(new_id(self.origin.received_at))), claims


def key_scope(principal: Principal) -> KeyScope:
    """Return the least trusted ingest scope of a key: a key that browsers may use is public."""
    return "browser-ingest" if "browser-ingest" in principal.scopes else "ingest"


def _plain_number(item: object) -> object:
    """Return `item` with a whole `value` as an integer: 4.0 and 4 are the same value."""
    value = item.get("value") if isinstance(item, dict) else None
    return {**item, "value": int(value)} if isinstance(value, float) and value.is_integer() else item  # type: ignore[dict-item]


def _digest(value: object) -> bytes:
    return blake2b(encode(value), digest_size=16).digest()


def _content(item: object) -> object:
    """Return what a repeat under the same id must contain again: all but its time and its prompts' documents.

    A repeat may have a new timestamp, and clients leave out documents that the server knows.
    """
    if not isinstance(item, dict):
        return item
    content = {name: item[name] for name in sorted(item) if name != "id" and name != "occurred_at"}
    if prompts := content.get("prompts"):
        content["prompts"] = [_reference(prompt) for prompt in prompts]
    return content


def _reference(prompt: dict[str, Any]) -> dict[str, Any]:
    known = "document" in prompt and "digest" in prompt
    return {name: value for name, value in prompt.items() if name != "document"} if known else prompt
