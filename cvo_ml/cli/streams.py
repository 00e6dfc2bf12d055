"""Standard output holds results and nothing else, and neither stream stops the work that it tells of."""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from cvo_ml.core.terminal_text import escaped_for_stream, readable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: The file descriptors that C code prints to, whatever Python's own streams are.
OUT, ERR = 1, 2
READABLE: Final = "cvo.readable"
#: Variables that make libraries write colours where there is no terminal.
COLOURS: Final = ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS")


class Sink(io.RawIOBase):
    """Bytes for as long as somebody takes them: a reader who has gone is no fault, a full disk is told at the end."""

    name = "cvo"

    def __init__(self, stream: TextIO | None, descriptor: int, sent_to: int) -> None:
        self.failure: OSError | None = None
        self._stream, self._descriptor, self._is_taken = stream, sent_to, stream is not None
        self._is_direct = _goes_to(stream, descriptor)
        # now: the descriptor leads elsewhere soon
        self._is_terminal = stream is not None and not stream.closed and stream.isatty()

    def writable(self) -> bool:
        """Always; what nobody takes is dropped."""
        return True

    def isatty(self) -> bool:
        """Whether somebody sits before it."""
        return self._is_terminal

    def write(self, data: ReadableBuffer, /) -> int:
        """Pass the bytes on, or drop them."""
        content = bytes(data)
        try:
            self._pass_on(content)
        except (OSError, ValueError) as error:  # ValueError: closed meanwhile
            self._is_taken = False
            if isinstance(error, OSError) and error.errno not in (errno.EPIPE, errno.EBADF):
                self.failure = error
        return len(content)

    def _pass_on(self, content: bytes) -> None:
        if self._is_taken and self._stream is not None and not self._is_direct:
            self._stream.write(content.decode("utf-8"))
        while self._is_taken and self._is_direct and content:
            content = content[os.write(self._descriptor, content) :]


class Output(io.TextIOWrapper):
    """A stream whose text is cleaned as its last step; a sign that its encoding lacks is written readably."""

    def __init__(self, sink: Sink, encoding: str, hidden: Callable[[str], str]) -> None:
        super().__init__(sink, encoding=encoding, errors=READABLE, write_through=True)
        self._hidden = hidden
        self._is_terminal = sink.isatty() or any(os.environ.get(name) for name in COLOURS)

    def write(self, text: str, /) -> int:
        """Write the text without secrets, and without what would command a terminal."""
        super().write(escaped_for_stream(self._hidden(text), is_terminal=self._is_terminal))
        return len(text)


@contextlib.contextmanager
def streams(hidden: Callable[[str], str] = str) -> Iterator[Sink]:
    """Python's own output and complaints, cleaned, until the block ends; yields where the output goes.

    What C libraries print stays out of the output: HiGHS 1.12 (SciPy 1.17) prints a debugging line past its own log
    switch, in the middle of a ``--json``. Descriptors belong to the whole process, so this is for the command line,
    which owns its process: a library must never do this. A descriptor that was closed is opened to nowhere, or the next
    file that is opened would be what C code prints into.

    Parameters
    ----------
    hidden:
        Takes the secrets out of a text.
    """
    for number in (0, OUT, ERR):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    codecs.register_error(READABLE, readable)
    python, kept = (sys.stdout, sys.stderr), os.dup(OUT)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    sink = Sink(python[0], OUT, kept)
    sys.stdout = Output(sink, _encoding(python[0], OUT), hidden)
    sys.stderr = Output(Sink(python[1], ERR, ERR), _encoding(python[1], ERR), hidden)
    _flush_c()
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), OUT)
    try:
        yield sink
    finally:
        _flush_c()
        os.dup2(kept, OUT)
        sys.stdout, sys.stderr = python
        os.close(kept)


def _goes_to(stream: TextIO | None, descriptor: int) -> bool:
    try:
        return stream is not None and stream.fileno() == descriptor
    except (io.UnsupportedOperation, ValueError):  # in memory, or closed
        return False


def _encoding(stream: TextIO | None, descriptor: int) -> str:
    """Of what goes to the descriptor; a stream in memory takes whatever text there is."""
    return (stream.encoding if stream is not None and _goes_to(stream, descriptor) else None) or "utf-8"


def _flush_c() -> None:
    """Write out what C code has printed so far, while the descriptor is still where it was meant for."""
    ctypes.CDLL(None if os.name == "posix" else "msvcrt").fflush(None)
