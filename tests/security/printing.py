"""Run command lines one after the other in one process, each with streams of its own; no test imports this.

``python printing.py PLAN RESULTS``: PLAN is a JSON list of ``{"arguments", "out", "err", "encoding", "variables"}``.
A stream is ``file`` (kept), ``gone`` (a pipe whose reader has left), ``closed``, ``full`` (/dev/full) or ``terminal``.
RESULTS becomes a list of code, out and err (as Latin-1, so that each byte is a sign).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import sys
import traceback
from pathlib import Path
from typing import Any


class Stream:
    """A descriptor that leads somewhere else until it is put back."""

    def __init__(self, number: int, kind: str) -> None:
        self.number, self.kind, self.kept = number, kind, os.dup(number)
        self._file = io.FileIO(os.memfd_create("stream"), "r+")
        self._terminal, target = -1, self._file.fileno()
        if kind == "gone":
            reader, target = os.pipe()
            os.close(reader)
        elif kind == "full":
            target = os.open("/dev/full", os.O_WRONLY)
        elif kind == "terminal":
            self._terminal, target = pty.openpty()
        os.dup2(target, number)
        if target != self._file.fileno():
            os.close(target)
        if kind == "closed":
            os.close(number)

    def python(self, encoding: str) -> io.TextIOWrapper | None:
        """As Python opens it at its start."""
        if self.kind == "closed":
            return None
        return io.TextIOWrapper(io.FileIO(self.number, "w", closefd=False), encoding=encoding, line_buffering=True)

    def put_back(self) -> str:
        """What came."""
        held = b""
        if self.kind == "terminal":
            os.set_blocking(self._terminal, False)
            with contextlib.suppress(OSError):
                while part := os.read(self._terminal, 65536):
                    held += part
            os.close(self._terminal)
        os.dup2(self.kept, self.number)
        os.close(self.kept)
        self._file.seek(0)
        return (held or self._file.read()).decode("latin-1")


def run(step: dict[str, Any]) -> dict[str, Any]:
    """One command line: its exit code and what came of its streams."""
    from cvo_ml.cli import main

    before, python, code = dict(os.environ), (sys.stdout, sys.stderr), 0
    os.environ.update(step.get("variables", {}))
    sys.argv = ["cvo", *step["arguments"]]
    err = Stream(2, step.get("err", "file"))
    out = Stream(1, step.get("out", "file"))
    encoding = step.get("encoding", "utf-8")
    sys.stdout, sys.stderr = out.python(encoding), err.python(encoding)
    said = ""
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        said, code = traceback.format_exc(), 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    printed, complaints = out.put_back(), err.put_back()
    sys.stdout, sys.stderr = python
    os.environ.clear()
    os.environ.update(before)
    return {"code": code, "out": printed, "err": complaints + said}


def main() -> None:
    """Run the plan in the current folder."""
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Path(sys.argv[2]).write_text(json.dumps([run(step) for step in plan]), encoding="utf-8")


if __name__ == "__main__":
    main()
