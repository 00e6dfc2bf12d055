"""Nothing in the load path unpickles: shown by Python's own audit events and by a hook on every loader of the family.

Each has a control that fires.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from cvo_ml.registry.bundles.bundle import Bundle, save_bundle
from cvo_ml.registry.tracking import Tracker

WATCH = """
import sys
seen = []
sys.addaudithook(lambda event, arguments: seen.append(arguments) if event == "pickle.find_class" else None)
"""
LOAD = """
from pathlib import Path
import pandas as pd
from cvo_ml.registry.bundles.bundle import load_bundle
from cvo_ml.registry.bundles.kinds import model_of
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


#: Replaces the loaders of the family, those that are there and those that are imported later, by ones that tell.
HOOK = """
import importlib.abc, importlib.machinery, os, sys
called = []
FAMILY = {"pickle": ("load", "loads"), "joblib": ("load",), "dill": ("load", "loads"),
          "cloudpickle": ("load", "loads"), "skops.io": ("load", "loads")}

def watch(module):
    for name in FAMILY[module.__name__]:
        original = getattr(module, name, None)
        def made(*arguments, _name=f"{module.__name__}.{name}", _original=getattr(module, name), **named):
            called.append(_name)
            return _original(*arguments, **named)
        setattr(module, name, made)

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in FAMILY:
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            watch(module)
        spec.loader.exec_module = exec_module
        return spec

import importlib.util
sys.meta_path.insert(0, Finder())
import pickle
watch(pickle)
import cloudpickle, joblib
assert cloudpickle.loads.__name__ == joblib.load.__name__ == "made"
"""
THROUGH_MLFLOW = """
os.environ.pop("MLFLOW_TRACKING_URI", None)
from pathlib import Path
import pandas as pd
from cvo_ml.registry.tracking import Tracker
from cvo_ml.registry.tracking.champions import ChampionHistory
tracker = Tracker(Path(sys.argv[1]), "a")
model, _ = ChampionHistory(tracker).serving("churn")
called.clear()  # what libraries did while they were imported
os.environ["MLFLOW_TRACKING_URI"] = tracker.uri
import mlflow
loaded = mlflow.pyfunc.load_model("models:/a-churn@champion")
ChampionHistory(tracker).serving("churn")
names = [*model.bundle.parameters["features"], "country"]
rows = pd.DataFrame({name: ["DE"] if name == "country" else [1.0] for name in names})
print(len(loaded.predict(rows)), called)
"""


def test_loading_through_mlflow_calls_no_loader_of_the_family(
    tmp_path: Path, churn_bundle: Bundle, empty: Path
) -> None:
    root = tmp_path / "mlruns"
    shutil.copytree(empty, root)
    tracker = Tracker(root, "a")
    with tracker.run("churn", "a training") as run:
        uri = run.log_bundle(save_bundle(churn_bundle, tmp_path / "churn"))
    tracker.register(uri, "churn", {}, "champion")
    assert told(HOOK + THROUGH_MLFLOW, str(root)) == "1 []"


def test_the_hook_sees_the_family() -> None:
    control = """
import io, pickle, cloudpickle, joblib
data, file = pickle.dumps({1: 2}), io.BytesIO()
pickle.loads(data), cloudpickle.loads(data), pickle.load(io.BytesIO(data))
joblib.dump(3, file)
file.seek(0)
joblib.load(file)
print(sorted(set(called)))
"""
    assert told(HOOK + control) == "['cloudpickle.loads', 'joblib.load', 'pickle.load', 'pickle.loads']"
