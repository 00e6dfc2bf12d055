"""A signal that asks the process to stop, as an exception that arrives.

Python runs a signal's handler wherever the main thread happens to be. Inside a finalizer, a weak reference's callback
or a call-back of C code the exception that the handler raises is dropped, and the process that was asked to stop works
on and ends with success. So the exception is watched: one that was dropped is raised again.

A query of a database may run for minutes in C++, where the exception cannot arrive, or arrives and is waited for by the
query's own threads. So whoever holds a connection says how it is interrupted (``interrupted_by``), and that is done
first.
"""

from __future__ import annotations

import signal
import sys
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from types import FrameType
from typing import Final, TypeAlias

Call: TypeAlias = Callable[[], None]

#: Seconds until it is looked at whether the exception still travels.
WATCH: Final = 0.1
#: What is called when this program is asked to stop; None where nobody listens, as in a library.
_INTERRUPTS: Final[ContextVar[list[Call] | None]] = ContextVar("cvo_interrupts", default=None)


def interrupted_by(interrupt: Call) -> Call:
    """Have ``interrupt`` called when this program is asked to stop, until what is returned is called.

    Parameters
    ----------
    interrupt:
        Makes what is running end soon, from any thread; does not wait.
    """
    listed = _INTERRUPTS.get()
    if listed is None:
        return lambda: None
    listed.append(interrupt)

    def end() -> None:
        if interrupt in listed:
            listed.remove(interrupt)

    return end


class Stopped(BaseException):
    """The user or the system asked this process to stop; not a KeyboardInterrupt, which libraries swallow."""

    @property
    def number(self) -> int:
        """Of the signal."""
        return int(self.args[0])


class StopSignals:
    """Signals that stop this process, each raised in the main thread as ``Stopped`` until it is caught for good.

    Belongs to the owner of a process (the command line, a training's child): a library never takes signals.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._travelling: weakref.ref[Stopped] | None = None
        self._interrupts: list[Call] = []

    def listen(self) -> None:
        """From now on, Ctrl-C, a termination and a closed terminal raise ``Stopped``; what ignores them goes on so."""
        _INTERRUPTS.set(self._interrupts)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:  # nohup
                continue
            signal.signal(number, self._asked)
        signal.signal(signal.SIGALRM, self._watch)
        dropped = sys.unraisablehook

        def quiet(unraisable: sys.UnraisableHookArgs) -> None:
            if not isinstance(unraisable.exc_value, Stopped):
                dropped(unraisable)

        sys.unraisablehook = quiet

    def caught(self) -> None:
        """The exception arrived where the process ends: it is not raised again."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        signal.setitimer(signal.ITIMER_REAL, WATCH, WATCH)
        raise self._made()

    def _watch(self, number: int, frame: FrameType | None) -> None:
        if self.number is not None and self._travelling is not None and self._travelling() is None:
            raise self._made()

    def _made(self) -> Stopped:
        assert self.number is not None
        for interrupt in tuple(self._interrupts):
            interrupt()
        stopped = Stopped(self.number)
        self._travelling = weakref.ref(stopped)
        return stopped
