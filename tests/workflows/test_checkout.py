"""Where the jobs that fit come from: beside the package, and from nowhere else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import cvo_ml
from cvo_ml.core.errors import UsageError
from cvo_ml.workflows import checkout

ROOT = Path(cvo_ml.__file__).resolve().parents[1]


def test_a_training_folder_of_the_working_directory_is_never_imported(tmp_path: Path) -> None:
    """Python's path begins with the working folder here, and an innocent package there bears the jobs' name."""
    (tmp_path / "training").mkdir()
    for name in ("__init__", "jobs", "spawned"):
        (tmp_path / "training" / f"{name}.py").write_text("raise SystemExit('the working folder was imported')\n")
    program = (
        "from cvo_ml.workflows.checkout import trainer; import sys; "
        "print(trainer().__file__, trainer(spawned=True).__file__, sys.path[0] == '')"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == [*(str(ROOT / "training" / f"{name}.py") for name in ("jobs", "spawned")), "True"]


def test_another_package_of_that_name_in_the_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = type(sys)("training")
    other.__file__ = str(tmp_path / "training" / "__init__.py")
    monkeypatch.setitem(sys.modules, "training", other)
    with pytest.raises(UsageError, match="another package named 'training' is imported here"):
        checkout.trainer()
