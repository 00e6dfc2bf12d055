"""What a tracked run is called and looked for by, and what it says of the data that it learnt from."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Final

import pandas as pd

from cvo_ml import __version__
from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.loader import as_mapping, default_config, load_config
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.tracking.run import TrackedDataset, flat

#: At most this many settings, and this much of each, stand in a name.
MOST_SETTINGS: Final = 3
LONGEST_SETTING: Final = 24
#: The setting of a bundle that says over how many days its scores speak, by the first that is there.
_DAYS: Final = ("horizon_days", "age_days", "known_within_days")


def run_name(bundle: Bundle, job: FrozenConfig, workspace: Workspace, *, is_tuned: bool) -> str:
    """What tells a run from the others of its experiment, beside its cut: settings that were set, kind, days."""
    kind = bundle.kind.removeprefix(f"{bundle.name}.")
    own = "tuned" if is_tuned else ", ".join(_own_settings(bundle.name, job, workspace))
    return " ".join(filter(None, (own, kind, days_text(bundle))))


def logged_name(bundle: Bundle, as_of: date) -> str:
    """What a logged model is called, without the signs that MLflow forbids there.

    Examples
    --------
    >>> from cvo_ml.core.models import CHURN
    >>> logged_name(Bundle(CHURN.name, "churn.logistic", {}), date(2011, 9, 10))
    'churn-2011-09-10-logistic'
    """
    return f"{bundle.name}-{as_of}-{bundle.kind.removeprefix(f'{bundle.name}.')}".replace(".", "-")


def days_text(bundle: Bundle) -> str:
    """The days that the scores speak of, as a job writes them; nothing where there are none.

    Examples
    --------
    >>> from cvo_ml.core.models import CHURN
    >>> days_text(Bundle(CHURN.name, "churn.logistic", {}, {"horizon_days": 90.0}))
    '90D'
    """
    found = [bundle.settings[name] for name in _DAYS if name in bundle.settings]
    return f"{found[0]:g}D" if found else ""


def code_tags(bundle: Bundle) -> dict[str, str]:
    """Which code trained it, as MLflow's pages show it too."""
    commit = str(bundle.facts["git_commit"])
    return {
        "git": commit,
        "pins": str(bundle.facts["pins_hash"]),
        "cvo_ml": __version__,
        "feature_hash": str(bundle.facts.get("feature_hash", "")),
        "mlflow.source.name": f"cvo train {bundle.name}",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": commit.partition(" ")[0],
    }


def dataset_of(shop: str, read: ReadResult, as_of: date) -> TrackedDataset:
    """The shop's rows before the cut: their tables, columns and numbers, and no row."""
    frames = read.tables.frames
    digest = hashlib.sha256(f"{read.fingerprint} {as_of}".encode()).hexdigest()[:12]
    columns = {f"{table}.{name}": _type(frame[name]) for table, frame in frames.items() for name in frame}
    counts = {
        "num_rows": len(read.tables.orders),
        **{f"rows of {table}": len(frame) for table, frame in frames.items()},
    }
    source = {"shop": shop, "before": str(as_of), "fingerprint": read.fingerprint}
    return TrackedDataset(shop, digest, source, columns, counts)


def _own_settings(name: str, job: FrozenConfig, workspace: Workspace) -> list[str]:
    """The settings that are not those of the job's file, by the last part of their names."""
    usual = load_config(default_config(f"jobs/{name}.yaml", workspace.configs), type(job))
    before = dict(flat(as_mapping(usual)))
    found = [
        f"{key.rpartition('.')[2]}={value}"[:LONGEST_SETTING]
        for key, value in flat(as_mapping(job))
        if before.get(key) != value and key != "horizon"
    ]
    more = [f"+{len(found) - MOST_SETTINGS}"] if len(found) > MOST_SETTINGS else []
    return found[:MOST_SETTINGS] + more


def _type(values: pd.Series) -> str:
    """MLflow's name of a column's type."""
    kind = values.dtype.kind
    return {"M": "datetime", "b": "boolean", "i": "long", "f": "double"}.get(kind, "string")
