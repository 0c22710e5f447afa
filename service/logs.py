"""Log lines: JSON on standard error, without patient data, tokens or bodies.

That does not rest on everybody's care alone. Only the members listed here come through, texts are cut, exceptions are
reduced to type and place, and of what libraries log only the text that holds no values.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO, cast

import orjson
import structlog

KEYS = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "logger",
        "client",
        "tenant",
        "issuer",
        "peer",
        "method",
        "route",
        "status",
        "service_id",
        "hook",
        "outcome",
        "reason",
        "topic",
        "topics",
        "indicator",
        "cards",
        "check",
        "source",
        "resource_type",
        "host",
        "count",
        "knowledge_hash",
        "duration_ms",
        "fhir_ms",
        "fhir_requests",
        "error_type",
        "where",
        "state",
        "component",
        "version",
    }
)
"""Members a log line may have. Add one only if its value can never hold patient data."""

_LONGEST = 200
_MOST_FRAMES = 12
_SPEAKS_OF_ITSELF = ("_granian", "_granian.serve")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

Event = MutableMapping[str, Any]


class _StandardError:
    """Whatever `sys.stderr` is when a line is written, so that it may be replaced later."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


_STANDARD_ERROR = cast(TextIO, _StandardError())


def configure_logs(level: str = "info") -> None:
    """Set up logging for the process.

    Args:
        level: `debug`, `info`, `warning` or `error`; libraries are never heard below warning.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _add_time,
            reduce_exception,
            keep_known_members,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(_STANDARD_ERROR),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(_STANDARD_ERROR)
    handler.setFormatter(LibraryFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.WARNING, _LEVELS[level]))


def reduce_uncaught() -> None:
    """Let nothing write to standard error past the rules of this module: uncaught exceptions, warnings.

    For processes that belong to the service alone; their texts may quote a request.
    """
    log = structlog.get_logger("uncaught")

    def uncaught(error: BaseException | None) -> None:
        log.error("uncaught exception", exc_info=error)

    sys.excepthook = lambda _kind, error, _trace: uncaught(error)
    threading.excepthook = lambda hook: uncaught(hook.exc_value)
    sys.unraisablehook = lambda hook: uncaught(hook.exc_value)
    logging.captureWarnings(True)


class LibraryFormatter(logging.Formatter):
    """Formats what a library logs: its message before the values were filled in.

    A message that was put together before it was logged may hold anything, so only the name of the logger is kept;
    messages of the server about itself are the exception.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one JSON line."""
        if record.name in _SPEAKS_OF_ITSELF:
            spoken = record.getMessage()
        else:
            spoken = str(record.msg) if record.args else "message"
        event: Event = {"event": spoken, "level": record.levelname.lower(), "logger": record.name}
        if record.exc_info:
            event["exc_info"] = record.exc_info
        moment = datetime.fromtimestamp(record.created, UTC)
        event["timestamp"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return _render(None, "", keep_known_members(None, "", reduce_exception(None, "", event)))


def keep_known_members(_logger: Any, _method: str, event: Event) -> Event:
    """Drop every member that is not in `KEYS`; say that some were dropped, but not what they held."""
    kept = {name: _harmless(value) for name, value in event.items() if name in KEYS}
    if dropped := len(event) - len(kept):
        kept["dropped"] = dropped
    return kept


def reduce_exception(_logger: Any, _method: str, event: Event) -> Event:
    """Replace `exc_info` by type and place of the exception; its message may quote the request."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error_type"] = type(error).__name__
        event["where"] = _places(error.__traceback__)
    return event


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-_MOST_FRAMES:]
    return [f"{'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno} {frame.name}" for frame in frames]


def _harmless(value: Any) -> Any:
    match value:
        case str():
            return value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
        case bool() | int() | float() | None:
            return value
        case list() | tuple() | set() | frozenset():
            return [_harmless(item) for item in list(value)[:_MOST_FRAMES]]
        case _:
            return type(value).__name__


def _add_time(_logger: Any, _method: str, event: Event) -> Event:
    event["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def _render(_logger: Any, _method: str, event: Event) -> str:
    return orjson.dumps(event, default=str).decode()
