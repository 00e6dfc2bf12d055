"""``python -m cvo_ml`` is the command line."""

import subprocess
import sys


def test_the_module_answers_as_the_command_does() -> None:
    ran = subprocess.run([sys.executable, "-m", "cvo_ml", "--help"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "Usage: " in ran.stdout
    assert "plan" in ran.stdout
    assert "prioritize" not in ran.stdout  # its old name still works, and is not shown
