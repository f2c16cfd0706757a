"""Free loopback ports."""

import contextlib
import random
import socket
from pathlib import Path
from typing import Final

_LOWEST: Final = 11_000  # browsers refuse 10080
_OUTGOING: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_ATTEMPTS: Final = 100
_RANDOM: Final = random.SystemRandom()
_returned: set[int] = set()


def free_port() -> int:
    """Return a port that is free at the moment, and another one at each call.

    It is below those that Linux gives to outgoing connections: one of them may be taken before a server listens on it,
    or while the server restarts.
    """
    highest = _first_outgoing_port() - 1
    for _ in range(_ATTEMPTS if highest > _LOWEST else 0):
        port = _RANDOM.randint(_LOWEST, highest)
        if port not in _returned and _is_free(port):
            _returned.add(port)
            return port
    return _any_free_port()


def _first_outgoing_port() -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(_OUTGOING.read_text().split()[0])
    return _LOWEST


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
