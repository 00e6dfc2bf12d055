"""A process that has imported everything, and runs each command in a child that it forks: no imports a command.

``python -P warm_process.py CHECKOUT REQUESTS ANSWERS``: a line of JSON on the descriptor REQUESTS asks for commands
that begin together; a line on ANSWERS says how each ended. It must never have a second thread: a fork copies one.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import io
import json
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any


def serve(requests: int, answers: int) -> None:
    """Until there is nothing more to read."""
    with os.fdopen(requests) as asked, os.fdopen(answers, "w") as told:
        for line in asked:
            request = json.loads(line)
            told.write(json.dumps(answered(request)) + "\n")
            told.flush()


def answered(request: dict[str, Any]) -> Any:
    """What a request asks for: modules imported, or commands run."""
    if "imports" in request:
        for name in request["imports"]:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        return {"threads": threads(), "modules": len(sys.modules)}
    assert threads() == 1, "a fork copies one thread, and there are more"
    began, children = time.monotonic(), {}
    for number, run in enumerate(request["runs"]):
        pid = os.fork()
        if pid == 0:
            work(run)
        children[pid] = number
    ended: list[dict[str, Any]] = [{} for _ in children]
    while children:
        pid, status, used = os.wait4(-1, 0)
        if pid in children:
            ended[children.pop(pid)] = {
                "code": os.waitstatus_to_exitcode(status), "seconds": round(time.monotonic() - began, 3),
                "work": round(used.ru_utime + used.ru_stime, 3),
            }  # fmt: skip
    return ended


def threads() -> int:
    """How many threads this process has, whoever started them."""
    return len(list(Path("/proc/self/task").iterdir()))


def work(run: dict[str, Any]) -> None:
    """The child's whole life: one command line, as ``cvo`` would run it."""
    code = 1
    try:
        known = set(sys.modules)
        _settle(run)
        if run.get("after"):
            time.sleep(run["after"])
        code = _command(run["arguments"])
        if run.get("modules"):
            Path(run["modules"]).write_text(json.dumps(sorted(set(sys.modules) - known)))
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BaseException):
                stream.flush()
        os._exit(code)


def _settle(run: dict[str, Any]) -> None:
    """Place, variables, streams and faults of the child."""
    os.chdir(run["folder"])
    for name, value in run["variables"].items():
        os.environ[name] = value
    tempfile.tempdir = run["variables"]["TMPDIR"]  # Python would try it first with a file of its own
    encoding = run.get("encoding", "utf-8")
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(run[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(file, number)
        os.close(file)
        raw = io.FileIO(number, "w", closefd=False)
        errors = "backslashreplace" if name == "stderr" else "strict"
        setattr(sys, name, io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding, errors=errors))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for name in run.get("fresh", ()):  # what was made with the parent's streams
        sys.modules.pop(name, None)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from tests.robustness.write_events import Fault, WriteEvents

    log = os.open(run["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    if run["user"]:
        os.setgroups([])
        os.setgid(run["user"])
        os.setuid(run["user"])
    WriteEvents(Path(run["root"]), Fault(**run["fault"]), log).install()


def _command(arguments: list[str]) -> int:
    from cvo_ml.cli import main

    sys.argv = ["cvo", *arguments]
    try:
        main()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return int(ended.code or 0)
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    serve(int(sys.argv[2]), int(sys.argv[3]))
