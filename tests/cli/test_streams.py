"""Standard output holds results and nothing else."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import ctypes, os
from cvo_ml.cli.streams import streams
print("before")
with streams():
    print("a result ✓")
    ctypes.CDLL(None if os.name == "posix" else "msvcrt").puts(b"a debugging line of a solver")
    os.write(1, b"past C's buffer")
print("after")
"""


def test_what_c_code_prints_is_no_result() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", PROGRAM], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert done.stdout.splitlines() == ["before", "a result ✓", "after"]
    assert done.stderr == ""


def test_a_command_without_standard_output_runs() -> None:
    program = "import os\nos.close(1)\nfrom cvo_ml.cli import main\nimport sys\nsys.argv = ['cvo', '--help']\nmain()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_output_of_a_command_whose_reader_has_gone_raises_nothing() -> None:
    program = "from cvo_ml.cli.streams import streams\nwith streams():\n    print('x' * 100)"
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    assert b"Traceback" not in child.stderr.read()
    child.wait()
    child.stderr.close()
