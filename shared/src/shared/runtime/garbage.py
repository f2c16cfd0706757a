"""Garbage collection of a process that handles batches."""

import gc

_THRESHOLD = 100_000


def tune_garbage_collection() -> None:
    """Search for cyclic garbage rarely while services handle batches. Call this once, when the start is done.

    Reference counts free almost everything that a batch makes, but each of its objects counts towards the next search
    of the collector, by default after 700. Objects of the start live on, so they are not searched any more.
    """
    gc.freeze()
    gc.set_threshold(_THRESHOLD)
