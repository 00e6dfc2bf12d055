"""A process that is asked to stop stops, wherever its main thread happens to be."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

WHERE = {
    "a weak reference's callback": """
        class Thing: pass
        thing = Thing()
        reference = weakref.ref(thing, lambda _: os.kill(os.getpid(), NUMBER))
        del thing
        """,
    "a finalizer": """
        class Thing:
            def __del__(self): os.kill(os.getpid(), NUMBER)
        thing = Thing()
        del thing
        """,
    "a call-back of C code": """
        called = ctypes.CFUNCTYPE(None)(lambda: os.kill(os.getpid(), NUMBER))
        called()
        """,
    "a library that catches everything": """
        try:
            os.kill(os.getpid(), NUMBER)
        except BaseException:
            pass
        """,
    "plain code": "os.kill(os.getpid(), NUMBER)",
}
PROGRAM = """
import ctypes, os, signal, sys, time, weakref
from cvo_ml.core.stopping import Stopped, StopSignals
NUMBER = int(sys.argv[1])
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever runs the tests may ignore it
signals = StopSignals()
signals.listen()
cleaned = 0
try:
    try:
{where}
        time.sleep(20)
        print("worked on")
    finally:
        time.sleep(.5)  # cleaning up takes its time, and is left alone
        cleaned += 1
except Stopped as stopped:
    signals.caught()
    print("stopped", stopped.number, cleaned)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("where", WHERE)
def test_a_stop_arrives_though_the_exception_was_dropped(where: str, number: signal.Signals) -> None:
    program = PROGRAM.format(where=textwrap.indent(textwrap.dedent(WHERE[where]), " " * 8))
    ended = subprocess.run(
        [sys.executable, "-c", program, str(int(number))], capture_output=True, text=True, timeout=30
    )
    assert ended.stdout.split() == ["stopped", str(int(number)), "1"], ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_process_that_ignores_the_end_of_its_terminal_goes_on_ignoring_it() -> None:
    program = """
import os, signal
from cvo_ml.core.stopping import StopSignals
signal.signal(signal.SIGHUP, signal.SIG_IGN)
StopSignals().listen()
os.kill(os.getpid(), signal.SIGHUP)
print("worked on")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert ended.stdout == "worked on\n", ended.stderr
