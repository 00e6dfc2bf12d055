"""Code of the working folder is never run in place of ours: by commands, by their children, by what they start.

Every module of the folder writes its name into a file when it is imported, so that one that is tried and not used is
seen too.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.frozen import scenario

ROOT = Path(__file__).resolve().parents[2]
CVO = Path(sys.executable).with_name("cvo")
#: Names that the package, its children, Python's start, or the libraries import.
FOREIGN = (
    "training/__init__", "training/__main__", "training/jobs", "training/spawned", "training/child_process",
    "cvo_ml/__init__", "cvo_ml/registry/__init__", "cvo_ml/registry/bundles/__init__",
    "cvo_ml/registry/bundles/first_load", "sitecustomize", "usercustomize", "json", "importlib", "typing", "numpy",
    "pandas", "yaml", "lightgbm", "mlflow", "duckdb", "scipy", "pydantic", "optuna", "matplotlib", "sqlalchemy",
)  # fmt: skip
COMMANDS = (
    f"train clv --shop shop.yaml --as-of {scenario.FIRST} {scenario.CLV} {scenario.WITHOUT_HYBRID}",
    f"score --shop shop.yaml --as-of {scenario.FIRST} --out out",
)
#: With trees, which are fitted and read by a library of C.
WITH_TREES = (
    f"train churn --shop shop.yaml --as-of {scenario.LATER} {scenario.CHURN} {scenario.WITHOUT_HAZARD}",
    "models list",
    "models promote clv --version 1 --force --reason because",
    "models export clv --to dossiers",
    f"score --shop shop.yaml --as-of {scenario.FIRST} --models dossiers --out again",
    f"backtest --shop shop.yaml --horizon 60D --from {scenario.FIRST} --until {scenario.FIRST} --out walk "
    f"{scenario.CLV} {scenario.WITHOUT_HYBRID} {scenario.CHURN} {scenario.WITHOUT_HAZARD} {scenario.ICP}",
)


def plant(folder: Path) -> Path:
    """The foreign modules; returns the file that they write their names into."""
    marker = folder / "imported.txt"
    for name in FOREIGN:
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"open({str(marker)!r}, 'a').write({name!r} + '\\n')\n")
    # what libraries look for by themselves: plugins of installed packages, and matplotlib's settings
    plugin = folder / "foreign-1.0.dist-info"
    plugin.mkdir(exist_ok=True)
    (plugin / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
    groups = (
        "pydantic",
        "mlflow.tracking_store",
        "mlflow.request_header_provider",
        "sqlalchemy.dialects",
        "fsspec.specs",
    )
    (plugin / "entry_points.txt").write_text("\n".join(f"[{group}]\nfile = foreign:it\n" for group in groups))
    (folder / "foreign.py").write_text((folder / "yaml.py").read_text())
    (folder / "matplotlibrc").write_text("text.usetex: True\n")  # draws with another program
    return marker


def cvo(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The installed command, as a user runs it there."""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": "", **variables}
    return subprocess.run(
        [str(CVO), *scenario.shlex.split(command)], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop whose folder is full of foreign modules."""
    folder = tmp_path_factory.mktemp("foreign")
    shutil.copytree(scenario.INPUTS, folder, dirs_exist_ok=True)
    plant(folder)
    return folder


def run_all(commands: tuple[str, ...], folder: Path) -> None:
    """Each command does its work there, and nothing foreign is imported by it."""
    for command in commands:
        done = cvo(command, folder)
        is_champion = "is champion already" in done.stderr
        assert done.returncode == (2 if is_champion else 0), (command, done.stderr)
        assert not (folder / "imported.txt").exists(), (command, (folder / "imported.txt").read_text())


def test_no_command_imports_a_module_of_the_working_folder(shop_folder: Path) -> None:
    """FAULT-S1: training, its child, the first load of a bundle, scoring and export."""
    run_all(COMMANDS, shop_folder)


@pytest.mark.slow
def test_trees_promotion_and_backtest_import_no_module_of_the_working_folder(shop_folder: Path) -> None:
    """FAULT-S1: the same where LightGBM is at work, and where each date of a walk is trained in a child."""
    run_all(COMMANDS[:1], shop_folder)
    run_all(WITH_TREES, shop_folder)


#: Starts a child in a folder into which the foreign modules come just before.
PARENT = """
import subprocess, sys
from pathlib import Path
sys.path.append({root!r})
from cvo_ml.core.python_child import python_command, python_environment
from tests.security.test_foreign_code import plant
plant(Path.cwd())
plant(Path.cwd() / "here" / "below")
told = subprocess.run(python_command("tests.security.test_foreign_code:tell"), env=python_environment())
sys.exit(told.returncode)
"""


def tell() -> int:
    """Where a child imports from, and where a child of its own, started by a library that knows nothing of us."""
    import yaml

    import cvo_ml
    import training

    grandchild = subprocess.run(
        [sys.executable, "-c", "import yaml; print(yaml.__file__)"], capture_output=True, text=True, check=True
    )
    print(yaml.__file__, cvo_ml.__file__, training.__file__, grandchild.stdout.strip())
    return 0


@pytest.mark.parametrize("start", ["-c", "-m"])
@pytest.mark.parametrize("path", [None, "", ".", os.pathsep, "HERE", "here/below"])
def test_a_child_imports_nothing_of_the_folder_whatever_its_parents_path_holds(
    start: str, path: str | None, tmp_path: Path
) -> None:
    """FAULT-S1: by ``-c``, ``-m`` or PYTHONPATH the parent's path holds the folder; that of a child does not."""
    program = PARENT.format(root=str(ROOT))
    (tmp_path / "program.py").write_text(program)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if path is not None:
        environment["PYTHONPATH"] = path.replace("HERE", str(tmp_path))
    told = subprocess.run(
        [sys.executable, start, "program" if start == "-m" else program], cwd=tmp_path, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert len(told.stdout.split()) == 4
    assert str(tmp_path) not in told.stdout
    assert not (tmp_path / "imported.txt").exists(), (tmp_path / "imported.txt").read_text()


def test_a_child_gets_no_start_up_file_home_or_folder_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """FAULT-S1: what Python would import from is left out; what only sets how it runs is passed on."""
    from cvo_ml.core.python_child import python_environment

    for name in [name for name in os.environ if name.startswith("PYTHON")]:
        monkeypatch.delenv(name)
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONWARNINGS", "PYTHONINSPECT"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("PYTHONHASHSEED", "3")
    found = {name: value for name, value in python_environment({"MORE": "1"}).items() if name.startswith("PYTHON")}
    assert found == {"PYTHONHASHSEED": "3", "PYTHONSAFEPATH": "1"}
    monkeypatch.setenv("LD_LIBRARY_PATH", os.pathsep.join(["", ".", "lib", "/usr/lib"]))
    assert python_environment()["LD_LIBRARY_PATH"] == "/usr/lib"


def test_the_module_drops_the_working_folder_before_it_imports_a_library(tmp_path: Path) -> None:
    """FAULT-S1: ``python -m cvo_ml`` has the folder first on its path, and nothing of ours asks to have it there."""
    (tmp_path / "yaml.py").write_text("raise SystemExit('the working folder was imported')\n")
    (tmp_path / "typer.py").write_text("raise SystemExit('the working folder was imported')\n")
    done = subprocess.run(
        [sys.executable, "-m", "cvo_ml", "check", "none.csv"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "the working folder was imported" not in done.stdout + done.stderr
    safe = subprocess.run(
        [sys.executable, "-P", "-m", "cvo_ml", "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (safe.returncode, safe.stderr) == (0, "")


# --- programs ---------------------------------------------------------------------------------------------------------

#: Where a program may be started, and where the child of a call is.
STARTS = {
    "cvo_ml/core/old_sheets.py", "cvo_ml/registry/bundles/first_load.py", "training/child_process.py",
    "training/provenance.py",
}  # fmt: skip
#: Where Python's own command may be named.
NAMES_PYTHON = {"cvo_ml/core/python_child.py"}
STARTING = ("os.exec", "os.spawn", "os.posix_spawn", "os.system", "os.popen", "os.fork", "asyncio.create_subprocess")


def test_programs_are_started_in_four_places_and_python_by_one() -> None:
    """FAULT-S1: a new place that starts something is seen here."""
    starts, names = set(), set()
    for path in sorted(path for folder in ("cvo_ml", "training") for path in (ROOT / folder).rglob("*.py")):
        where, text = str(path.relative_to(ROOT)), path.read_text()
        tree = ast.parse(text)
        imported = {
            name.name for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for name in node.names
        }
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
        called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        named = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        if (imported | modules) & {"subprocess", "multiprocessing", "ProcessPoolExecutor", "pty", "runpy"}:
            starts.add(where)
        if any(name.startswith(STARTING) for name in called):
            starts.add(where)
        if "sys.executable" in named:
            names.add(where)
    assert starts == STARTS
    assert names == NAMES_PYTHON


def test_git_is_not_taken_from_a_relative_folder_nor_asked_of_another_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAULT-S1: a ``git`` in the working folder, and the address of another repository in the environment."""
    from training.provenance import git_commit

    here = git_commit()
    program = tmp_path / "git"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\necho 1234\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", os.environ["PATH"]]))
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    assert git_commit() == here
    assert not (tmp_path / "ran").exists()
    monkeypatch.setenv("PATH", ".")
    assert git_commit() == "unknown"
