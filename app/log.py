"""structlog, set up once per process: JSON lines for machines, plain lines for a terminal."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
#: Without the frames' variables: tokens and prompts pass through them.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)

#: Loggers whose INFO repeats what our own lines say, every few seconds.
CHATTY = ("alembic", "celery.app.trace", "celery.beat", "celery.worker.strategy", "httpx")


def configure_logging(process: str, *, clean: Callable[[str], str] = str) -> None:
    """Send structlog and the standard library to stdout in one format, naming `process` on each line.

    `clean` takes the secrets out of each line, wherever in it they are.
    """
    tty = sys.stdout.isatty()
    renderer: Any = _terminal() if tty else structlog.processors.JSONRenderer()
    shared = [*_SHARED, _naming(process)]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *([] if tty else [_TRACEBACKS]),
            renderer,
            _cleaning(clean),
        ],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _cleaning(clean: Callable[[str], str]) -> Any:
    """Clean the line as it is printed: nothing is added to it after that."""
    return lambda _logger, _method, line: clean(line)


def _terminal() -> Any:
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def _naming(process: str) -> Any:
    """Name the process on each line; bound in a context variable it would be missing in every thread."""

    def name(_logger: object, _method: str, line: dict[str, Any]) -> dict[str, Any]:
        return {**line, "process": process}

    return name
