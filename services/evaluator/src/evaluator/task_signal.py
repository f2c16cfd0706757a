"""Wake-up of waiting requests when tasks may have become free, within this instance."""

import asyncio


class TaskSignal:
    """Wakes all waiting requests of this instance. Those of other instances look again after a while."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Wake all that wait now."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seconds: float, gone: "asyncio.Future[None]") -> None:
        """Wait for the next `notify` or for `gone`, at most `seconds`."""
        notified = asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait((notified, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            notified.cancel()
