"""A function's call in a process of its own.

No file of the working folder is imported (``cvo_ml.core.python_child``). The arguments, the progress and the answer go
through a pipe that nobody else holds. When the parent is gone, the pipe ends, and the child stops as by Ctrl-C.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import IO, Any, Final, TypeVar

from cvo_ml.core.errors import CvoError, ModelRefused, storage_failure
from cvo_ml.core.python_child import python_command, python_environment
from cvo_ml.core.stopping import StopSignals
from cvo_ml.core.workspace import Progress, Silent

Answer = TypeVar("Answer")

#: The child's entry, whose process serves one call.
CHILD: Final = "training.child_process:serve"
#: Seconds that a stopped child has to close its run, and that its parent waits for it.
PATIENCE, WAIT = 5.0, 8.0
#: Lines of a dead child's last words.
LAST_WORDS: Final = 12


def call(function: Callable[..., Answer], *arguments: Any, progress: Progress) -> Answer:
    """What a module's function answers in a process of its own.

    Parameters
    ----------
    function:
        Takes the arguments, and a progress as the last one.

    Raises
    ------
    ModelRefused
        If a signal ended the process, as where memory runs out.
    CvoError
        If it ended in another way without an answer; and whatever the function raises.
    """
    ours, theirs = Pipe()
    with tempfile.TemporaryFile() as complaints:
        child = subprocess.Popen(
            python_command(CHILD, str(theirs.fileno())),
            env=python_environment(),
            stdin=subprocess.DEVNULL,
            stdout=complaints,
            stderr=subprocess.STDOUT,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C reaches this process, which stops the child in order
        )
        theirs.close()
        try:
            answer = _converse(ours, (function, arguments), progress)
        finally:
            _stop(child, ours)
        if answer is None:
            raise _death(child.returncode, complaints)
    if isinstance(answer, _Raised):
        raise answer.error()
    value: Answer = answer.value
    return value


@dataclass(frozen=True)
class _Progressed:
    text: str


@dataclass(frozen=True)
class _Answered:
    value: Any


@dataclass(frozen=True)
class _Raised:
    """An error by its parts: its own constructor may not take the sentence that it made."""

    kind: type[Exception]
    arguments: tuple[Any, ...]
    state: dict[str, Any]

    @classmethod
    def of(cls, error: Exception) -> _Raised:
        """The parts of an error; a full disk or a locked database is said as such."""
        found = None if isinstance(error, CvoError) else storage_failure(error)
        error = found or error
        arguments = error.__reduce__()[1]
        return cls(type(error), tuple(arguments), dict(error.__dict__))

    def error(self) -> Exception:
        """The error again."""
        made = self.kind.__new__(self.kind, *self.arguments)
        made.__dict__.update(self.state)
        return made


def _converse(pipe: Connection, call: Any, progress: Progress) -> _Answered | _Raised | None:
    """Send the call and hear the child until it has answered; None if it ends before."""
    try:
        pipe.send(call)
        while isinstance(message := pipe.recv(), _Progressed):
            progress.tell(message.text)
    except (EOFError, ConnectionError):
        return None
    answer: _Answered | _Raised = message
    return answer


def _stop(child: subprocess.Popen[bytes], pipe: Connection) -> None:
    """End the child: first as it would end itself, so that a run that is open is marked as failed."""
    pipe.close()
    try:
        child.wait(WAIT)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _death(code: int, complaints: IO[bytes]) -> CvoError:
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").strip().splitlines()[-LAST_WORDS:]
    if code < 0:
        last = f"; its last words: {lines[-1]}" if lines else ""
        return ModelRefused(
            f"training ended its process ({signal.Signals(-code).name}){last}: give it more memory, or train on less",
            reason_code="training_died",
        )
    return CvoError(f"training stopped with code {code}, which is a bug; its last words:\n" + "\n".join(lines))


def serve(descriptor: str) -> None:
    """The child's whole life: one call, its progress, its answer."""
    StopSignals().listen()  # so that a run that is open is closed as failed
    pipe = Connection(int(descriptor))
    try:
        function, arguments = pipe.recv()
    except EOFError:
        return
    threading.Thread(target=_stop_with_parent, args=[pipe], daemon=True).start()
    try:
        answer: _Answered | _Raised = _Answered(function(*arguments, _Telling(pipe)))
    except Exception as error:
        answer = _Raised.of(error)
    pipe.send(answer)


class _Telling(Silent):
    """Tells the parent."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def tell(self, text: str) -> None:
        """What is being done, as a message."""
        self._pipe.send(_Progressed(text))


def _stop_with_parent(pipe: Connection) -> None:
    """From now on, stop as if by Ctrl-C when the parent closes its end: one that was killed cannot say so."""
    with contextlib.suppress(EOFError, OSError):
        pipe.recv()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(PATIENCE)
    os._exit(130)  # deep inside a library: do not wait for it
