"""What a user installs: the package alone, complete, and content with its runtime dependencies."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Packages of groups and extras: no module of the package may need them to be imported.
ABSENT = ("mlflow", "lifetimes", "matplotlib", "optuna", "shap", "fastapi", "uvicorn", "httpx", "pyspark", "psycopg")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        ["uv", "build", "--wheel", "--out-dir", folder, ROOT], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "cvo_ml",
        next(n for n in names if ".dist-info" in n).split("/")[0],
    }
    for needed in (
        "cvo_ml/py.typed",
        "cvo_ml/_configs/jobs/churn.yaml",
        "cvo_ml/_configs/policies/priorities.yaml",
        "cvo_ml/_configs/gates/churn.yaml",
        "cvo_ml/_configs/shops/online_retail.yaml",
        "cvo_ml/report/page.html",
        "cvo_ml/segments/tables/klaviyo_cube.csv",
        "cvo_ml/ingest/sample/online_retail.parquet",
        "cvo_ml/ingest/sample/NOTICE.md",
    ):
        assert needed in names
    assert zipfile.ZipFile(wheel).getinfo("cvo_ml/ingest/sample/online_retail.parquet").file_size < 4_000_000


def test_every_module_of_the_wheel_imports_with_runtime_dependencies_only(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = f"""
import importlib, pkgutil, sys
for name in {ABSENT!r}:
    sys.modules[name] = None
import cvo_ml
assert cvo_ml.__file__.startswith({str(tmp_path)!r}), cvo_ml.__file__
for module in pkgutil.walk_packages(cvo_ml.__path__, "cvo_ml."):
    importlib.import_module(module.name)
for name in cvo_ml.__all__:
    getattr(cvo_ml, name)
from cvo_ml.config.loader import config_dir
assert str(config_dir()).startswith({str(tmp_path)!r})
assert cvo_ml.sample_shop().currency == "GBP"
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_training_from_an_installed_wheel_says_what_it_needs(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    command = (
        "from cvo_ml.cli import main; import sys; sys.argv = ['cvo', 'train', 'clv', '--as-of', '2011-09-10']; main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 2
    assert "training runs from a checkout" in ran.stderr
    assert not (tmp_path / "mlruns").exists()
