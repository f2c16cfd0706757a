"""JSON logs: one line per event, with the correlation id of the request or batch."""

import logging
import sys
import time
from collections.abc import Callable
from typing import TextIO

import structlog

_INTERVAL_S = 10.0


class RateLimitFilter(logging.Filter):
    """Rate-limits aiokafka's log records to one per source line and 10 s; without brokers it logs hundreds a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._logged_at: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("aiokafka"):
            return True
        source, now = (record.name, record.lineno), self._clock()
        if now - self._logged_at.get(source, now - _INTERVAL_S) < _INTERVAL_S:
            return False
        self._logged_at[source] = now
        return True


def configure_logging(level: str, stream: TextIO = sys.stdout) -> None:
    """Write structlog's and the standard library's records as JSON lines to `stream`. Call once, at start."""
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
        library.handlers.clear()  # FastStream adds a handler that writes its own format to stderr
        library.propagate = True


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module: `logger(__name__)`."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound
