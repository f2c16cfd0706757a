"""Cache of verified live prompts, shared by the app's threads and the subscriber's."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ratchet.client.arms import Units
from ratchet.client.prompt_verification import LivePrompt, Trust, UntrustedPrompt, verify_live_prompt
from ratchet.client.prompts import Default, Note, ServedPrompt, choose_served, default_prompt, ignore_rendering
from ratchet.client.saved_prompts import SavedPrompts
from ratchet.prompt import Prompt, foreign_syntax, incompatibilities
from ratchet.sanitize import visible

log = logging.getLogger("ratchet")

MAX_SEQUENCE = 2**53
"""Sequences beyond this are not numbers in every language."""


class PromptCache:
    """Verified live prompts by name, the trusted keys, and parsed defaults. Thread-safe."""

    def __init__(
        self, trust: Trust, live: Mapping[str, LivePrompt] | None = None, saved: SavedPrompts | None = None
    ) -> None:
        """`saved`: where verified prompts are kept for the next start."""
        self._lock = threading.Lock()
        self._saved = saved
        self._unconfirmed: dict[str, str] = {}
        """The names whose saved version is served until the server answers, with the id of the key that signed it."""
        self._trust = trust
        self._live = dict(live or {})
        self._payloads: dict[str, object] = {}
        """The payloads of `_live`, as they were received: after a reconnection most are sent again."""
        self._defaults: dict[str, tuple[Default, Prompt]] = {}
        self._reported: dict[str, int] = {}
        self._refused = 0
        self._warned: set[tuple[str, str]] = set()
        self._scanned: dict[str, str] = {}
        self._refusals: dict[str, tuple[int | None, str]] = {}
        """The newest version of a name that is not served, if its sequence is known, and why."""
        self.on_refusal: Callable[[], None] = lambda: None
        """Called, in any thread, when a version turns out to be incompatible with the app's default."""

    @property
    def trusts_keys(self) -> bool:
        return bool(self._trust.keys)

    @property
    def refused(self) -> int:
        """The number of versions from the server that were not trusted or not compatible with the app."""
        return self._refused

    def pin(self, keys: Mapping[str, str]) -> None:
        """Trust these keys, unless others are trusted already; forget saved versions that other keys signed."""
        with self._lock:
            if not self._trust.keys:
                self._trust = Trust(dict(keys), self._trust.project, self._trust.environment)
                for name in [name for name, key in self._unconfirmed.items() if key not in keys]:
                    self._drop(name)

    def load(self, name: str) -> None:
        """Serve the saved version of a name, if there is one that can be verified, until the server answers.

        Where the app configured no keys, those that were trusted when it was saved verify it. Reads a file.
        """
        found = self._saved.load(name) if self._saved is not None and name not in self._live else None
        if found is None:
            return
        trust = self._trust if self._trust.keys else replace(self._trust, keys=found.keys)
        try:
            live = verify_live_prompt(found.payload, trust, None)
            if live.name != name:
                raise UntrustedPrompt("it is another prompt's")
        except UntrustedPrompt as error:
            log.warning("ratchet: the saved version of %s is not served: %s", visible(name), visible(str(error)))
            return
        with self._lock:
            if name not in self._live:
                self._live[name], self._payloads[name] = live, found.payload
                self._unconfirmed[name] = found.payload["signature"]["key_id"]

    def forget_saved(self, name: str) -> None:
        """Serve the saved version of a name no more: the server says that no version is live."""
        with self._lock:
            if name not in self._unconfirmed:
                return
            self._drop(name)
        if self._saved is not None:
            self._saved.delete(name)

    def get(self, name: str) -> LivePrompt | None:
        return self._live.get(name)

    def serve(
        self,
        name: str,
        default: Default | None,
        target: str | None,
        note: Note = ignore_rendering,
        units: Units = Units(),  # noqa: B008
    ) -> ServedPrompt:
        """Return the live version, or `default` where the app's variables can't render the live version.

        During a rollout it is that of the arm of `units`.

        `note` is called for each rendering. An incompatible version and variables that it does not use are logged once.
        Raises NoPrompt, and what `default` raises.
        """
        current = self._live.get(name)
        live, arm = (None, None) if current is None else current.of_arm(units)
        if default is None:
            return self._served(name, live, None, target, note, arm)
        own = self.default(name, default)
        if live is None:
            return self._served(name, None, own, target, note)
        incompatible = incompatibilities(live.prompt, own)
        unused = sorted(own.variables.keys() - live.prompt.variables.keys())
        if (incompatible or unused) and self._is_unreported(name, live.sequence, bool(incompatible)):
            _log_incompatibility(name, incompatible, unused)
            if incompatible:
                self._refuse(name, live.sequence, "unlike the app's default: " + "; ".join(incompatible))
                self.on_refusal()
        return self._served(name, None if incompatible else live, own, target or live.target, note, arm)

    def accept_prompt(self, payload: object, names: frozenset[str]) -> bool:
        """Serve a prompt from now on if it is one of `names` and trusted; return whether it is."""
        name = str(payload.get("name")) if isinstance(payload, Mapping) else ""
        if name not in names:
            return False
        try:
            changed = self._put(name, payload)
        except UntrustedPrompt as error:
            log.error("ratchet: a version of %s is not served: %s", visible(name), visible(str(error)))
            return False
        if changed and self._saved is not None:
            self._saved.save(name, payload, self._trust.keys)
        return True

    def report(self, names: Iterable[str]) -> list[dict[str, object]]:
        """Return what is served of these names, in the form of the API's reports; see `InstanceReporter`."""
        with self._lock:
            return [_report_of(name, self._live.get(name), self._refusals.get(name)) for name in names]

    def default(self, name: str, default: Default) -> Prompt:
        """Return the parsed default; a text or file is read once. Raises PromptError or OSError."""
        if isinstance(default, Mapping):
            return default_prompt(default)
        known = self._defaults.get(name)
        if known is None or known[0] != default:
            known = self._defaults[name] = (default, default_prompt(default))
        return known[1]

    def after_fork(self) -> "PromptCache":
        """Return a copy with a lock that no thread of this process holds."""
        copy = PromptCache(self._trust, self._live, self._saved)
        copy._unconfirmed = dict(self._unconfirmed)
        return copy

    def _served(
        self,
        name: str,
        live: LivePrompt | None,
        own: Prompt | None,
        target: str | None,
        note: Note,
        arm: str | None = None,
    ) -> ServedPrompt:
        found = choose_served(name, live, own, target, self._warn_once, note, arm)
        if self._scanned.get(name) != found.digest:
            self._scanned[name] = found.digest
            if unsupported := foreign_syntax(found.prompt):
                parts = ", ".join(unsupported[:3])
                self._warn_once(name, f"not a variable here, sent to the model unchanged: {parts}", "syntax")
        return found

    def _warn_once(self, name: str, message: str, kind: str = "values") -> None:
        with self._lock:
            if (name, kind) in self._warned:
                return
            self._warned.add((name, kind))
        log.warning("ratchet: %s: %s", visible(name), visible(message))

    def _is_unreported(self, name: str, sequence: int, refused: bool) -> bool:
        with self._lock:
            if self._reported.get(name) == sequence:
                return False
            self._reported[name] = sequence
            self._refused += refused
            return True

    def _put(self, name: str, payload: object) -> bool:
        """Return whether the payload is another than before. Raises UntrustedPrompt."""
        with self._lock:
            if name in self._payloads and self._payloads[name] == payload:
                self._unconfirmed.pop(name, None)
                return False
            try:
                live = verify_live_prompt(payload, self._trust, self._live.get(name))
            except UntrustedPrompt as error:
                self._refused += 1
                self._refusals[name] = (_sequence_of(payload), str(error))
                raise
            self._trust = self._trust.pinned(live)
            self._live[name], self._payloads[name] = live, payload
            self._refusals.pop(name, None)
            self._unconfirmed.pop(name, None)
            return True

    def _drop(self, name: str) -> None:
        """Forget an unconfirmed version. Needs the lock."""
        for known in (self._unconfirmed, self._live, self._payloads, self._refusals):
            known.pop(name, None)

    def _refuse(self, name: str, sequence: int, reason: str) -> None:
        with self._lock:
            current = self._live.get(name)
            if current is not None and current.sequence == sequence:
                self._refusals[name] = (sequence, reason)


def _sequence_of(payload: object) -> int | None:
    sequence = payload.get("sequence") if isinstance(payload, Mapping) else None
    return sequence if type(sequence) is int and 0 <= sequence <= MAX_SEQUENCE else None


def _report_of(name: str, live: LivePrompt | None, refusal: tuple[int | None, str] | None) -> dict[str, object]:
    found: dict[str, object] = {"name": name}
    is_served = live is not None and (refusal is None or refusal[0] != live.sequence)
    if live is not None and is_served:
        found |= {"sequence": live.sequence, "digest": live.prompt.digest}
        if live.arms is not None:
            found |= {"candidate_digest": live.arms.prompt.digest, "weight": live.arms.weight}
    if refusal is not None:
        found |= {"refused_sequence": refusal[0], "refusal": visible(refusal[1])[:500] or "refused"}
    return found


def _log_incompatibility(name: str, incompatible: list[str], unused: list[str]) -> None:
    if incompatible:
        why = visible("; ".join(incompatible))
        log.error("ratchet: the live version of %s is not served: unlike the app's default %s", visible(name), why)
    else:
        log.warning(
            "ratchet: the live version of %s does not use %s of the app's default",
            visible(name),
            visible(", ".join(unused)),
        )
