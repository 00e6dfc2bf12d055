"""A bundle as MLflow keeps a model: who loads it, what it can be asked with, what it answers, an example.

The model is asked with a shop's orders or with features that are ready, so no column is required by itself, and any
type is let through: the loader reads them as strictly as a file (``cvo_ml.compat.pyfunc``). MLflow's own check of types
would refuse whole numbers where a column of numbers is declared.
"""

from __future__ import annotations

import json
import platform
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from cvo_ml.core.contract import Kind
from cvo_ml.core.scores import SCORES, model_columns
from cvo_ml.core.units import parse_as_of
from cvo_ml.registry.bundles.bundle import load_bundle
from cvo_ml.registry.bundles.input_columns import ORDERS_NEEDED, ORDERS_TAKEN, feature_columns
from cvo_ml.registry.bundles.loaded import LoadedModel, load_model

#: The module that loads a logged bundle; versions of before name ``cvo_ml.registry.pyfunc``.
LOADER: Final = "cvo_ml.compat.pyfunc"
#: What a machine must install to serve a logged bundle.
REQUIREMENT: Final = "cvo-ml[mlflow]"
#: What a call may say beside its rows; MLflow wants a default, and there is no day to fall back on.
PARAMETERS: Final = ("as_of", "currency")
#: Orders of two invented customers, so that nobody stands in an example: id, customer, days before the cut, net.
EXAMPLE: Final = (
    ("order-1", "customer-1", 91, 20.0),
    ("order-2", "customer-1", 27, 35.5),
    ("order-3", "customer-2", 41, 12.25),
)
#: MLflow's names of the files of an example, as the model and as its server are asked.
_EXAMPLE_FILE: Final = "input_example.json"
_SERVED_EXAMPLE_FILE: Final = "serving_input_example.json"


def write_logged_model(bundle: Path, folder: Path, logged: Any) -> Path:
    """The files of an MLflow model around a bundle.

    Parameters
    ----------
    bundle, folder:
        The folder of the bundle, and an empty one.
    logged:
        MLflow's entity of the model that they are for.
    """
    from mlflow.models import Model
    from mlflow.pyfunc import add_to_model

    shutil.copytree(bundle, folder / "data" / bundle.name)
    python = platform.python_version()
    loaded = load_model(load_bundle(bundle))
    texts = {
        "requirements.txt": f"{REQUIREMENT}\n",
        "python_env.yaml": f"python: {python}\nbuild_dependencies: []\ndependencies:\n- -r requirements.txt\n",
        "conda.yaml": f"channels:\n- conda-forge\ndependencies:\n- python={python}\n- pip\n- pip:\n  - {REQUIREMENT}\n"
        "name: mlflow-env\n",
        **_example(loaded),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    model = Model(
        artifact_path=logged.artifact_location,
        run_id=logged.source_run_id,
        model_uuid=logged.model_id,
        model_id=logged.model_id,
        signature=signature_of(loaded),
        saved_input_example_info={
            "artifact_path": _EXAMPLE_FILE, "serving_input_path": _SERVED_EXAMPLE_FILE, "type": "dataframe",
            "pandas_orient": "split", "params": "true",
        },
    )  # fmt: skip
    add_to_model(
        model, LOADER, data=f"data/{bundle.name}", conda_env="conda.yaml", python_env="python_env.yaml",
        streamable=False,
    )  # fmt: skip
    model.save(str(folder / "MLmodel"))
    return folder


def signature_of(loaded: LoadedModel) -> Any:
    """MLflow's signature: orders or features in, the model's columns of Scores out, the day beside them."""
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, DataType, ParamSchema, ParamSpec, Schema

    asked = dict.fromkeys((*ORDERS_TAKEN, *feature_columns(loaded)))
    kinds = {column.name: column.kind for column in SCORES.columns}
    types: dict[Kind, Any] = {"time": DataType.datetime, "money": DataType.double, "number": DataType.double}
    return ModelSignature(
        Schema([ColSpec(AnyType(), name, required=False) for name in asked]),
        Schema(
            [
                ColSpec(types.get(kinds[name], DataType.string), name, required=False)
                for name in model_columns(loaded.name)
            ]
        ),
        ParamSchema([ParamSpec(name, DataType.string, None) for name in PARAMETERS]),
    )


def _example(loaded: LoadedModel) -> dict[str, str]:
    """The same call as the model and as its server are asked, on the first day on which the model may be asked."""
    day = parse_as_of(str(loaded.bundle.facts.get("trained_as_of", "2024-01-01")))
    rows = [[order, who, f"{day - timedelta(days=before)}T10:00:00", net] for order, who, before, net in EXAMPLE]
    frame, params = {"columns": ["order_id", *ORDERS_NEEDED], "data": rows}, {"as_of": str(day)}
    return {
        _EXAMPLE_FILE: json.dumps({"inputs": frame, "params": params}),
        _SERVED_EXAMPLE_FILE: json.dumps({"dataframe_split": frame, "params": params}, indent=2),
    }
