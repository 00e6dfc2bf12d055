"""Log records that say which run of a use case they belong to, as lines of JSON for machines.

The library only speaks to its loggers (``logging.getLogger(__name__)``); a program says where that goes. Facts of a
record are counts, names of models and seconds: never a customer, never a secret.
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import time
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, TypeAlias

from cvo_ml.core.terminal_text import escaped

Facts: TypeAlias = dict[str, object]

_RUN: Final[ContextVar[str]] = ContextVar("cvo_run", default="")


def run_id() -> str:
    """The id of the run that this thread or task is in; empty outside of one."""
    return _RUN.get()


@contextlib.contextmanager
def new_run() -> Iterator[str]:
    """A run until the block ends; inside another one, that one goes on.

    Examples
    --------
    >>> with new_run() as outer, new_run() as inner:
    ...     outer == inner == run_id()
    True
    >>> run_id()
    ''
    """
    if _RUN.get():
        yield _RUN.get()
        return
    token = _RUN.set(secrets.token_hex(6))
    try:
        yield _RUN.get()
    finally:
        _RUN.reset(token)


@contextlib.contextmanager
def logged(logger: logging.Logger, what: str, **facts: object) -> Iterator[Facts]:
    """Say at INFO that a use case begins and that it ended, with its seconds.

    Parameters
    ----------
    facts:
        What is known at the beginning. What the block adds to the yielded mapping is said at the end.
    """
    with new_run():
        logger.info("%s begins", what, extra={"facts": facts})
        began, found = time.perf_counter(), Facts()
        try:
            yield found
        except BaseException as error:
            stopped = {"error": type(error).__name__, "seconds": round(time.perf_counter() - began, 3)}
            logger.info("%s ended early", what, extra={"facts": {**found, **stopped}})
            raise
        logger.info("%s is done", what, extra={"facts": {**found, "seconds": round(time.perf_counter() - began, 3)}})


class RunFilter(logging.Filter):
    """Gives each record the run that it belongs to; never drops one."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set ``record.run``."""
        record.run = run_id()
        return True


class JsonLines(logging.Formatter):
    r"""One line of JSON a record: ``at`` (UTC), ``level, logger, run, message`` and the record's facts.

    Whatever a text holds, the line stays one line and moves no cursor: JSON escapes line ends and control signs, and
    here everything beyond ASCII too.

    Examples
    --------
    >>> record = logging.LogRecord("cvo_ml.x", logging.INFO, "", 0, "a\nb\x1b[2J", None, None)
    >>> json.loads(JsonLines().format(record))["message"] == record.msg, "\n" in JsonLines().format(record)
    (True, False)
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "run": getattr(record, "run", run_id()),
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=True).replace("\x7f", "\\u007f")


class PlainLines(logging.Formatter):
    """A record as one line for people, without line ends or control signs of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """``cvo: message``."""
        return f"cvo: {escaped(record.getMessage())}"
