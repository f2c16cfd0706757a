"""Checking a hash chain (pure)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from pydantic_core import from_json

START = "0" * 64


@dataclass(slots=True)
class AuditEntry:
    """A row of the chain: `hash` is the SHA-256 of `entry`, which holds the former row's hash."""

    seq: int
    kind: str
    entry: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A signed statement that the chain ended so."""

    seq: int
    hash: str
    signature: str


@dataclass
class ChainCheck:
    """Reads a chain row by row, in order, in constant memory, and keeps what is wrong.

    It begins after entry `seq` with that `hash`, which somebody checked earlier, or at the beginning. `expected` is an
    entry (seq, hash) that somebody wrote down. `found` names at most 20 faults.
    """

    signed: Callable[[Anchor], bool]
    seq: int = 0
    hash: str = START
    expected: tuple[int, str] | None = None
    found: list[str] = field(default_factory=list)
    _anchor: Anchor | None = None

    def take(self, entries: Iterable[tuple[AuditEntry, str | None, str | None]]) -> None:
        """Check rows, each with the hash and the signature of its anchor where it has one.

        Of the anchors of one call, the signature of the last is checked: it covers all that comes before it.
        """
        last: Anchor | None = None
        for entry, anchored, signature in entries:
            self._entry(entry)
            if anchored is not None and signature is not None:
                if anchored != entry.hash:
                    self.fault(f"a signed head at {entry.seq} is not in the chain")
                last = Anchor(entry.seq, anchored, signature)
        if last is not None:
            self._anchor = last
            if not self.signed(last):
                self.fault(f"the signature of the head at {last.seq} is not ours")

    def _entry(self, entry: AuditEntry) -> None:
        if entry.seq != self.seq + 1:
            self.fault(f"entries {self.seq + 1} to {entry.seq - 1} are missing")
        elif entry.previous != self.hash:
            self.fault(f"entry {entry.seq} does not follow entry {self.seq}")
        if sha256(entry.entry.encode()).hexdigest() != entry.hash:
            self.fault(f"entry {entry.seq} was altered")
        elif not _says(entry):
            self.fault(f"entry {entry.seq} does not say what its row says")
        self.seq, self.hash = entry.seq, entry.hash
        if self.expected is not None and entry.seq == self.expected[0] and entry.hash == self.expected[1]:
            self.expected = None

    def fault(self, what: str) -> None:
        """Note something wrong."""
        if len(self.found) < 20:
            self.found.append(what)

    def end(self, head: tuple[int, str] | None, stray: Iterable[int] = ()) -> None:
        """Check the tail: the head that is kept apart, and that it is signed. `stray`: anchors without an entry."""
        if head != ((self.seq, self.hash) if self.seq else None):
            self.fault(f"the chain ends at {self.seq}, its head says {head[0] if head else 'nothing'}")
        for seq in stray:
            self.fault(f"a signed head at {seq} is not in the chain")
        if self.seq and (self._anchor is None or self._anchor.seq != self.seq):
            self.fault(f"the end at {self.seq} is not signed")
        if self.expected is not None:
            self.fault(f"entry {self.expected[0]} is not the one that was written down")


def _says(entry: AuditEntry) -> bool:
    try:
        said = from_json(entry.entry)
        return bool((said["seq"], said["kind"], said["previous"]) == (entry.seq, entry.kind, entry.previous))
    except (ValueError, KeyError, TypeError):
        return False
