"""Verification of a hash chain, row by row (pure)."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

START = "0" * 64
"""The previous hash of the first entry."""
_MAX_FAULTS = 20


@dataclass(slots=True)
class AuditEntry:
    """A row of the chain. `hash` is the SHA-256 of `entry`, which contains the hash of the previous row."""

    seq: int
    kind: str
    entry: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A signed statement that the chain ended with entry `seq`."""

    seq: int
    hash: str
    signature: str


@dataclass
class ChainCheck:
    """A verification in constant memory.

    It begins after entry `seq` with that `hash`, or at the start of the chain. `expected` is an entry (seq, hash) that
    the chain must contain. `faults` has at most 20 descriptions.
    """

    verify_anchor: Callable[[Anchor], bool]
    seq: int = 0
    hash: str = START
    expected: tuple[int, str] | None = None
    faults: list[str] = field(default_factory=list)
    _anchor: Anchor | None = None

    def add(self, entries: Iterable[tuple[AuditEntry, str | None, str | None]]) -> None:
        """Check the next rows, each with the hash and the signature of its anchor, if it has one.

        Of the anchors of one call only the last signature is checked: it covers all entries before it.
        """
        last: Anchor | None = None
        for entry, anchored, signature in entries:
            self._check(entry)
            if anchored is not None and signature is not None:
                if anchored != entry.hash:
                    self.add_fault(f"a signed head at {entry.seq} is not in the chain")
                last = Anchor(entry.seq, anchored, signature)
        if last is not None:
            self._anchor = last
            if not self.verify_anchor(last):
                self.add_fault(f"the signature of the head at {last.seq} is not ours")

    def _check(self, entry: AuditEntry) -> None:
        if entry.seq != self.seq + 1:
            self.add_fault(f"entries {self.seq + 1} to {entry.seq - 1} are missing")
        elif entry.previous != self.hash:
            self.add_fault(f"entry {entry.seq} does not follow entry {self.seq}")
        if sha256(entry.entry.encode()).hexdigest() != entry.hash:
            self.add_fault(f"entry {entry.seq} was altered")
        elif not _matches_columns(entry):
            self.add_fault(f"entry {entry.seq} differs from the columns of its row")
        self.seq, self.hash = entry.seq, entry.hash
        if self.expected is not None and entry.seq == self.expected[0] and entry.hash == self.expected[1]:
            self.expected = None

    def add_fault(self, fault: str) -> None:
        """Add a description of a fault, up to 20."""
        if len(self.faults) < _MAX_FAULTS:
            self.faults.append(fault)

    def finish(self, head: tuple[int, str] | None, stray: Iterable[int] = ()) -> None:
        """Check the end of the chain. `head`: the separately stored end; `stray`: numbers of anchors without entry."""
        if head != ((self.seq, self.hash) if self.seq else None):
            self.add_fault(f"the chain ends at {self.seq}, its head says {head[0] if head else 'nothing'}")
        for seq in stray:
            self.add_fault(f"a signed head at {seq} is not in the chain")
        if self.seq and (self._anchor is None or self._anchor.seq != self.seq):
            self.add_fault(f"the end at {self.seq} is not signed")
        if self.expected is not None:
            self.add_fault(f"entry {self.expected[0]} does not have the given hash")


def _matches_columns(entry: AuditEntry) -> bool:
    try:
        content = json.loads(entry.entry)
        columns = (entry.seq, entry.kind, entry.previous)
        return bool((content["seq"], content["kind"], content["previous"]) == columns)
    except (ValueError, KeyError, TypeError):
        return False
