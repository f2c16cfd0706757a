"""Counts the bytecode instructions that Python executes: the same on every run, however busy the machine is."""

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from types import FrameType
from typing import Any


@contextlib.contextmanager
def count_instructions() -> Iterator[Counter[str]]:
    """Yield a counter of instructions by module, of the block and of what the event loop runs meanwhile.

    Code that is not Python (the HTTP parser, JSON, hashes, the database driver's encoding) counts nothing; benchmarks
    do not count either.
    """
    counted: Counter[str] = Counter()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        module = str(frame.f_globals.get("__name__"))
        if module.startswith(("benchmarks.", "__main__")):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False

        def count(frame: FrameType, event: str, argument: Any) -> Any:
            counted[module] += event == "opcode"
            return count

        return count

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield counted
    finally:
        sys.settrace(before)
