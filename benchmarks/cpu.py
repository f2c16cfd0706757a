"""Processor time of processes, as accounted by the operating system: meaningful on a busy machine, too."""

import contextlib
from collections.abc import Callable, Iterable

import psutil


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Return user and system seconds of these processes, and of their children that have ended."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total


def family(root: psutil.Process) -> list[psutil.Process]:
    """Return a process and all its descendants."""
    return [root, *root.children(recursive=True)]


class CpuMeter:
    """Processor seconds since the meter was made. `processes` lists the processes at each reading, since backends come
    and go.

    Time of an ended process counts if its parent is listed and has waited for it, as PostgreSQL does.
    """

    def __init__(self, processes: Callable[[], Iterable[psutil.Process]]) -> None:
        self._processes = processes
        self._before = cpu_seconds(processes())

    @classmethod
    def of_family(cls, pid: int) -> "CpuMeter":
        """Return a meter of a process and its descendants."""
        root = psutil.Process(pid)
        return cls(lambda: family(root))

    @property
    def seconds(self) -> float:
        """Return the processor seconds since the meter was made."""
        return cpu_seconds(self._processes()) - self._before
