"""Who sent an item, and under which names it may be taken only once."""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError
from pydantic_core import to_json

from collector.domain.clock_skew import NO_SKEW
from collector.domain.model import Claim, Origin, as_uuid, key_hash
from collector.domain.pseudonyms import Pseudonyms
from collector.domain.schemas import Scoped
from shared.auth.principal import Principal
from shared.events import new_id
from shared.events.feedback import KeyScope
from shared.problems import Problem, printable, reason_of

Route = Literal["executions", "feedback"]

MAX_SKEW = timedelta(minutes=5)
"""How far an app's clock may differ from ours without being corrected."""

_USUAL = timedelta(days=3650)
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_SHOWN_ERRORS = 20


class RequestContext(NamedTuple):
    """The caller, as far as its items depend on it. `key_scope` is the least trusted one that its key has."""

    key_id: str
    origin: Origin
    pseudonyms: Pseudonyms
    idempotency_key: str | None = None
    key_scope: KeyScope | None = None
    skew: timedelta = NO_SKEW
    """How far the app's clock is ahead of ours, by the Date of its request; zero where that is not known."""

    def user(self, name: str | None) -> str | None:
        return None if name is None else self.pseudonyms.of(self.origin.project, name)

    def check_scope(self, body: Scoped) -> None:
        """Raises Problem 403 where a body names another project or environment than the key's."""
        for field, ours in (("project", self.origin.project), ("environment", self.origin.environment)):
            named = getattr(body, field)
            if named is not None and named != ours:
                error = {"field": field, "reason": "is not the key's"}
                raise Problem(403, "foreign-scope", "The key belongs elsewhere", f"{field}: is not the key's", [error])

    def moment(self, occurred_at: datetime | None) -> tuple[datetime, int | None]:
        """When it happened by our clock, and by how many seconds the app's is ahead where its time was corrected.

        A clock that is known to be wrong is subtracted. A time that can't be right, since it lies in the future or
        before the year 2000, becomes the time of receipt. No time is refused: the item is worth more.
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

    def identify(self, route: Route, item: object, own: str | None, index: int) -> tuple[str, tuple[Claim, ...]]:
        """The item's event id (a UUID) and its claims: by its own id, by the Idempotency-Key, by both, or none.

        An item without either can't be told from a repeat, so it gets a new id and claims nothing.
        """
        claims: tuple[Claim, ...] = ()
        item = _plain_number(item)
        if own is not None:
            key = key_hash(route, self.origin.project, self.origin.environment, own)
            claims = (Claim(key, _digest(_statement(item)), "changed"),)
        if self.idempotency_key is not None:
            key = key_hash("idempotency", self.key_id, route, self.idempotency_key, str(index))
            claims = (*claims, Claim(key, _digest(item)))
        return (as_uuid(claims[0].key) if claims else str(new_id(self.origin.received_at))), claims


def key_scope(principal: Principal) -> KeyScope:
    """What a key is to be trusted with: one that is also meant for browsers is public."""
    return "browser-ingest" if "browser-ingest" in principal.scopes else "ingest"


def _plain_number(item: object) -> object:
    """`item` with a whole `value` as an integer: 4.0 says the same as 4."""
    value = item.get("value") if isinstance(item, dict) else None
    return {**item, "value": int(value)} if isinstance(value, float) and value.is_integer() else item  # type: ignore[dict-item]


def _digest(value: object) -> bytes:
    return blake2b(to_json(value), digest_size=16).digest()


def _statement(item: object) -> object:
    """What a repeat under the same id must say again: all but its time and the documents behind its digests.

    An app that sends again may stamp it again, and a client sends a document only as long as it is not known.
    """
    if not isinstance(item, dict):
        return item
    said = {name: item[name] for name in sorted(item) if name != "id" and name != "occurred_at"}
    if prompts := said.get("prompts"):
        said["prompts"] = [_reference(prompt) for prompt in prompts]
    return said


def _reference(prompt: dict[str, Any]) -> dict[str, Any]:
    known = "document" in prompt and "digest" in prompt
    return {name: value for name, value in prompt.items() if name != "document"} if known else prompt


def read(body_type: type[Scoped], item: object) -> Any:
    """`item` as a body. Raises Problem 422 that names up to 20 wrong fields."""
    try:
        return body_type.__pydantic_validator__.validate_python(item)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)[:_SHOWN_ERRORS]
        errors = [{"field": _path(fault["loc"]), "reason": reason_of(fault)} for fault in faults]
        detail = "; ".join(f"{error['field']}: {error['reason']}" for error in errors)
        raise Problem(422, "invalid", "The request is not valid", detail, errors) from None


def _path(loc: tuple[int | str, ...]) -> str:
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in ("str", "bool", "int", "float", "[key]"):  # a union's branches are no fields
            path += f".{part}" if path else part
    return printable(path or "body")
