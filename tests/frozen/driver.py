"""Run command lines one after the other in one process, as ``python -m cvo_ml`` would each; no test imports this.

``python driver.py PLAN RESULTS``: PLAN is a JSON list of argument lists; RESULTS becomes a list of code, stdout,
stderr and seconds. One process instead of dozens saves their imports. It knows the package, and no module of it.
"""

import contextlib
import io
import json
import os
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any


def run(arguments: list[str]) -> dict[str, Any]:
    """One command line: its exit code, what it said and how much work it was."""
    out, complaints, code, began = io.StringIO(), io.StringIO(), 0, _work()
    sys.argv = ["cvo", *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(complaints):
        try:
            runpy.run_module("cvo_ml", run_name="__main__", alter_sys=False)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except BaseException:
            traceback.print_exc()
            code = 1
    seconds = round(_work() - began, 2)
    return {"code": code, "stdout": out.getvalue(), "stderr": complaints.getvalue(), "seconds": seconds}


def _work() -> float:
    """Seconds of processor time so far, with those of children that ended: a busy machine does not change them much."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def main() -> None:
    """Run the plan in the current folder."""
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    target = Path(sys.argv[2])
    results = [run(arguments) for arguments in plan]
    target.write_text(json.dumps(results, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
