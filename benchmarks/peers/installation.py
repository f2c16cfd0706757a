"""Peers in virtual environments of their own, below `.cache/peers`: never among Ratchet's dependencies."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FOLDER = ROOT / ".cache" / "peers"
_INSTALL_S = 900


@dataclass(frozen=True, slots=True)
class Peer:
    """A product to compare with, by the distributions that it needs."""

    name: str
    version: str
    distributions: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return _FOLDER / f"{self.name}-{self.version}"

    def program(self, name: str) -> str:
        """Return the path of a program in the peer's environment."""
        return str(self.folder / "bin" / name)


MLFLOW = Peer("mlflow", "3.17.2", ("mlflow==3.17.2", "psycopg2-binary==2.9.11"))
PHOENIX = Peer("phoenix", "20.26.1", ("arize-phoenix[pg]==20.26.1",))
LANGFUSE = Peer("langfuse", "5.0.4", ("langfuse==5.0.4",))


def install(peer: Peer) -> str | None:
    """Install the peer unless that was done before; return why that is not possible, or None."""
    done = peer.folder / ".installed"
    if done.exists():
        return None
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    python = peer.program("python")
    commands = (
        [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(peer.folder)],
        [uv, "pip", "install", "--quiet", "--python", python, *peer.distributions],
    )
    try:
        for command in commands:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_S)
    except subprocess.CalledProcessError as error:
        return next(reversed((error.stderr or "").strip().splitlines()), str(error))
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    done.touch()
    return None
