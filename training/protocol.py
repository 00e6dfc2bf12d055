"""How a job speaks with the process that started it: JSON lines out, and its end when the parent ends."""

from __future__ import annotations

import _thread
import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from cvo_ml.core.errors import CvoError, UsageError, storage_failure, unusable

#: seconds that a stopped job has to close its run
PATIENCE: Final = 5.0


def say(event: str, **content: Any) -> None:
    """One JSON line for the parent process."""
    print(json.dumps({"event": event, **content}), file=sys.__stdout__, flush=True)


def speaking(work: Callable[[], None]) -> int:
    """Run ``work``; a failure that it names becomes an error line.

    Returns
    -------
    int
        0, or the exit code of the error.
    """
    try:
        # libraries that print while they work must not speak into the parent's protocol
        with contextlib.redirect_stdout(sys.stderr):
            work()
    except CvoError as error:
        say("error", text=str(error), exit_code=error.exit_code)
        return error.exit_code
    except OSError as error:
        say("error", text=str(unusable(error)), exit_code=UsageError.exit_code)
        return UsageError.exit_code
    except Exception as error:
        failed = storage_failure(error)
        if failed is None:
            raise
        say("error", text=str(failed), exit_code=failed.exit_code)
        return failed.exit_code
    return 0


def follow_parent() -> None:
    """From now on, stop as if by Ctrl-C when standard input ends, which the parent holds open.

    A parent that was killed cannot tell its child to stop, but its end of the pipe closes all the same.
    """
    threading.Thread(target=_stop_with_parent, daemon=True).start()


def _stop_with_parent() -> None:
    while os.read(0, 1):  # not through sys.stdin, whose lock would be held at the end of this process
        pass
    _thread.interrupt_main()
    time.sleep(PATIENCE)
    os._exit(130)  # deep inside a library: do not wait for it
