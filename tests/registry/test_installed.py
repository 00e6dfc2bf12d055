"""A champion where only the wheel and its extra ``mlflow`` are installed: no checkout, no training."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cvo_ml.registry.bundles.bundle import Bundle, save_bundle
from cvo_ml.registry.bundles.kinds import model_of
from cvo_ml.registry.tracking import Tracker

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys, os
import pandas as pd
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
import cvo_ml
assert "site-packages" in cvo_ml.__file__, cvo_ml.__file__
try:
    import training
except ImportError:
    pass
else:
    raise SystemExit("the checkout is on the path")
X = pd.read_parquet(sys.argv[2])
found = mlflow.pyfunc.load_model("models:/churn@champion").predict(X)
found.to_parquet(sys.argv[3])
"""


@pytest.mark.slow
def test_a_champion_loads_where_only_the_wheel_is_installed(
    tracker: Tracker, churn_bundle: Bundle, shop_features: pd.DataFrame, tmp_path: Path
) -> None:
    if shutil.which("uv") is None:
        pytest.skip("uv is not installed: it makes the environment")
    with tracker.run("churn", "a training") as run:
        uri = run.log_bundle(save_bundle(churn_bundle, tmp_path / "churn"))
    tracker.register(uri, "churn", {}, "champion")
    python = tmp_path / "environment" / "bin" / "python"
    built = ["uv", "build", "--quiet", "--wheel", "--out-dir", str(tmp_path / "wheel"), str(ROOT)]
    subprocess.run(built, check=True, capture_output=True)
    wheel = next((tmp_path / "wheel").glob("*.whl"))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    subprocess.run(["uv", "venv", "--quiet", "--python", version, str(python.parents[1])], check=True)
    pinned = ["--constraint", str(ROOT / "requirements.lock")]
    install = ["uv", "pip", "install", "--quiet", "--python", str(python), *pinned, f"{wheel}[mlflow]"]
    installed = subprocess.run(install, check=False, capture_output=True, text=True)
    assert installed.returncode == 0, installed.stderr
    shop_features[list(model_of(churn_bundle).columns)].to_parquet(tmp_path / "X.parquet")
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MLFLOW_TRACKING_URI")}
    command = [str(python), "-c", PROGRAM, tracker.uri, str(tmp_path / "X.parquet"), str(tmp_path / "found.parquet")]
    ran = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = pd.read_parquet(tmp_path / "found.parquet")
    scored = found["churn_reason"].isna().to_numpy()
    expected = model_of(churn_bundle).predict_proba(shop_features)[:, 1]
    assert scored.any()
    assert found["churn_probability"].to_numpy()[scored].tobytes() == expected[scored].tobytes()
