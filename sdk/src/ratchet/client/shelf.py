"""What a client can serve now, shared by the app's threads and the one that listens."""

import logging
import threading
from collections.abc import Mapping

from ratchet.client.live import LivePrompt, Trust, UntrustedPrompt, verified
from ratchet.client.prompts import Default, default_prompt
from ratchet.prompt import Prompt, misfits
from ratchet.visible import visible

log = logging.getLogger("ratchet")


class Shelf:
    """The verified live prompts by name, whom to trust, and the defaults as read before. Thread-safe."""

    def __init__(self, trust: Trust, live: Mapping[str, LivePrompt] | None = None) -> None:
        self._lock = threading.Lock()
        self._trust = trust
        self._live = dict(live or {})
        self._defaults: dict[str, tuple[Default, Prompt]] = {}
        self._unfit: dict[str, int] = {}
        self._refused = 0

    @property
    def trusts_keys(self) -> bool:
        return bool(self._trust.keys)

    @property
    def refused(self) -> int:
        """How many pushed prompts were not trusted, or unfit for the app."""
        return self._refused

    def pin(self, keys: Mapping[str, str]) -> None:
        """Trusts these keys from now on, if none was trusted before."""
        with self._lock:
            if not self._trust.keys:
                self._trust = Trust(dict(keys), self._trust.project, self._trust.environment)

    def get(self, name: str) -> LivePrompt | None:
        return self._live.get(name)

    def fitting(self, name: str, default: Prompt) -> LivePrompt | None:
        """The live prompt, if an app that fills in the variables of `default` can render it; told once if not."""
        live = self._live.get(name)
        if live is None or not (why := misfits(live.prompt, default)):
            return live
        with self._lock:
            if self._unfit.get(name) != live.sequence:
                self._unfit[name] = live.sequence
                self._refuse(name, f"unlike the app's default, {'; '.join(why)}")
        return None

    def take(self, payload: object, names: frozenset[str]) -> bool:
        """Serves a pushed prompt from now on if it is one of `names` and can be trusted; else what was before."""
        name = str(payload.get("name")) if isinstance(payload, Mapping) else ""
        if name not in names:
            return False
        with self._lock:
            try:
                live = verified(payload, self._trust, self._live.get(name))
            except UntrustedPrompt as error:
                self._refuse(name, str(error))
                return False
            self._trust = self._trust.pinned(live)
            self._live[name] = live
        return True

    def default(self, name: str, default: Default) -> Prompt:
        """The prompt that a default stands for; a text or file is read once. Raises PromptError or OSError."""
        if isinstance(default, Mapping):
            return default_prompt(default)
        known = self._defaults.get(name)
        if known is None or known[0] != default:
            known = self._defaults[name] = (default, default_prompt(default))
        return known[1]

    def after_fork(self) -> "Shelf":
        """The same knowledge with a lock that nobody in this process holds."""
        return Shelf(self._trust, self._live)

    def _refuse(self, name: str, why: str) -> None:
        self._refused += 1
        log.error("ratchet: a pushed version of %s is not served: %s", visible(name), visible(why))
