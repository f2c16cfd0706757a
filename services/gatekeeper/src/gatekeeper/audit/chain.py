"""Checking a hash chain (pure)."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

START = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
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
    """Reads a chain row by row, in order, and keeps what is wrong. `found` names at most 20 faults."""

    seq: int = 0
    hash: str = START
    found: list[str] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        """Checks one row against the one before it."""
        if entry.seq != self.seq + 1:
            self.fault(f"entries {self.seq + 1} to {entry.seq - 1} are missing")
        elif entry.previous != self.hash:
            self.fault(f"entry {entry.seq} does not follow entry {self.seq}")
        if sha256(entry.entry.encode()).hexdigest() != entry.hash:
            self.fault(f"entry {entry.seq} was altered")
        elif not _says(entry):
            self.fault(f"entry {entry.seq} does not say what its row says")
        self.seq, self.hash = entry.seq, entry.hash
        self.hashes[entry.seq] = entry.hash

    def fault(self, what: str) -> None:
        """Notes something wrong."""
        if len(self.found) < 20:
            self.found.append(what)

    def end(self, head: tuple[int, str] | None, anchors: Iterable[Anchor], signed: Callable[[Anchor], bool]) -> None:
        """Checks the tail: the head that is kept apart, and the signatures of former heads."""
        if head != ((self.seq, self.hash) if self.seq else None):
            self.fault(f"the chain ends at {self.seq}, its head says {head[0] if head else 'nothing'}")
        good = {anchor.seq for anchor in anchors if self._anchored(anchor, signed)}
        if self.seq and self.seq not in good:
            self.fault(f"the end at {self.seq} is not signed")

    def expect(self, seq: int, head: str) -> None:
        """Checks against a head that somebody wrote down earlier: the only proof against a full rewind."""
        if self.hashes.get(seq) != head:
            self.fault(f"entry {seq} is not the one that was written down")

    def _anchored(self, anchor: Anchor, signed: Callable[[Anchor], bool]) -> bool:
        if self.hashes.get(anchor.seq) != anchor.hash:
            self.fault(f"a signed head at {anchor.seq} is not in the chain")
            return False
        if not signed(anchor):
            self.fault(f"the signature of the head at {anchor.seq} is not ours")
            return False
        return True


def _says(entry: Entry) -> bool:
    try:
        said = json.loads(entry.entry)
        return bool((said["seq"], said["kind"], said["previous"]) == (entry.seq, entry.kind, entry.previous))
    except (ValueError, KeyError, TypeError):
        return False
