"""Nothing in the load path unpickles: shown by Python's own audit events, with a control that fires."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cvo_ml.registry.bundle import Bundle, save_bundle

WATCH = """
import sys
seen = []
sys.addaudithook(lambda event, arguments: seen.append(arguments) if event == "pickle.find_class" else None)
"""
LOAD = """
from pathlib import Path
import pandas as pd
from cvo_ml.registry.bundle import load_bundle
from cvo_ml.registry.models import model_of
bundle = load_bundle(Path(sys.argv[1]))
model = model_of(bundle)
model.predict_proba(pd.DataFrame({name: ["DE"] if name == "country" else [1.0] for name in model.columns}))
"""
REPORT = """
print(len(seen), sorted({"dill", "mlflow"} & set(sys.modules)))
"""


def told(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_loading_and_scoring_a_bundle_unpickles_nothing_and_needs_no_mlflow(
    tmp_path: Path, churn_bundle: Bundle
) -> None:
    folder = save_bundle(churn_bundle, tmp_path / "churn")
    assert told(WATCH + LOAD + REPORT, str(folder)) == "0 []"


def test_the_watch_sees_an_unpickled_class() -> None:
    control = "import pickle, collections; pickle.loads(pickle.dumps(collections.OrderedDict()))"
    assert told(WATCH + control + REPORT) == "1 []"
