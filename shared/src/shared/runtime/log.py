"""JSON logs, a line an event, with the correlation ids of what is being handled."""

import logging
import sys
import time
from collections.abc import Callable
from typing import TextIO

import structlog

_AGAIN_S = 10.0


class RateLimitFilter(logging.Filter):
    """Lets each line of aiokafka's code speak once in ten seconds: while a broker is away it says hundreds a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("aiokafka"):
            return True
        place, now = (record.name, record.lineno), self._clock()
        if now - self._said.get(place, now - _AGAIN_S) < _AGAIN_S:
            return False
        self._said[place] = now
        return True


def configure_logging(level: str, stream: TextIO = sys.stdout) -> None:
    """Sends structlog's and the standard library's records as JSON lines to `stream`. Call once, at the start."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    handler.addFilter(RateLimitFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("aiokafka", "faststream", "httpx", "uvicorn.access"):
        library = logging.getLogger(chatty)
        library.setLevel(max(logging.WARNING, root.level))
        library.handlers.clear()  # FastStream brings one that writes its own format to stderr
        library.propagate = True


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one module: `logger(__name__)`."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound
