"""The outcome ledger: each score that was served, joined to what happened once its window was over.

Layout: ``<root>/as_of=YYYY-MM-DD/<run>-<part>.parquet``, one row per customer with a score; the part is
clv or churn, which may have windows of their own. The file's metadata say which run, model and data. A date has
one file per part, that of the run that is served: a date that is scored or planned again counts once.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cvo_ml.core.errors import DamagedFile
from cvo_ml.core.files import canonical_json
from cvo_ml.core.models import CHURN, CLV, ModelSpec
from cvo_ml.core.result import Result, from_json
from cvo_ml.core.store import StoredRun, read_scores, served_runs
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, midnight
from cvo_ml.core.visibility import visible_table
from cvo_ml.features import window_outcome
from cvo_ml.features.labels import is_closed

#: the models whose outcomes orders alone tell; each is a part of a run
PARTS: Final = (CLV, CHURN)
COLUMNS: Final = (
    "as_of",
    "customer_id",
    "version",
    "predicted",
    "lower",
    "upper",
    "actual",
    "rfm_group",
    "value_tier",
    "cohort",
)
KEY: Final = b"cvo"


@dataclass(frozen=True)
class PartFacts(Result):
    """What a part of the ledger keeps of the run that scored it, and of the data that closed it.

    Parameters
    ----------
    part, model, version, grade:
        Name of the model in the registry, its kind, the version that scored, its grade then.
    expected:
        What training measured of the model, by name.
    data_hash:
        Fingerprint of the source with the outcomes.
    """

    run: str
    as_of: str
    part: str
    model: str
    version: str
    grade: str
    expected: Mapping[str, float | None]
    horizon_days: float
    shop: str
    data_hash: str
    rows: int


@dataclass(frozen=True)
class Closed:
    """One part of one run with its outcomes.

    Parameters
    ----------
    rows:
        Columns ``COLUMNS``: ``predicted`` and ``actual`` are money where the model scores money; for churn a
        probability, and 0 or 1 (no order came).
    """

    facts: PartFacts
    rows: pd.DataFrame


def close(root: Path, scores: Path, tables: Tables, *, data_hash: str, shop: str) -> list[Closed]:
    """Close every served score of ``shop`` whose window is over in ``tables``; returns what is new or revised.

    Closing again with the same data changes nothing; with other data (a correction, a longer
    extract) a part is written again only if an outcome in it is different. Outcomes are those known at
    the end of each window, whenever this runs.

    Parameters
    ----------
    root, scores:
        The ledger's folder, and the score store.
    data_hash:
        Fingerprint of the source that ``tables`` were read from.
    """
    changed = []
    for as_of, run in sorted(served_runs(scores), key=lambda served: served[0]):
        if run.manifest.get("shop") != shop:
            continue
        for model, span in _over(run, tables, as_of):
            path = root / f"as_of={as_of}" / f"{run.name}-{model.name}.parquet"
            before = _facts(path) if path.is_file() else None
            if before is None or before.data_hash != data_hash:
                closed = _closed(run, model, span, tables, as_of, data_hash)
                if before is None or not _read(path).rows.equals(closed.rows):
                    changed.append(closed)
                _write(path, closed)
            for other in set(path.parent.glob(f"*-{model.name}.parquet")) - {path}:  # of runs that were served before
                other.unlink(missing_ok=True)
    return changed


def read(root: Path) -> list[Closed]:
    """Everything in the ledger, earliest date first."""
    return [_read(path) for path in sorted(root.glob("as_of=*/*.parquet"))]


def _over(run: StoredRun, tables: Tables, as_of: date) -> Iterator[tuple[ModelSpec, Horizon]]:
    for model in PARTS:
        days = run.manifest["models"].get(model.name, {}).get("settings", {}).get("horizon_days")
        if days is not None and is_closed(tables, as_of, span := Horizon.of_days(days)):
            yield model, span


def _closed(run: StoredRun, model: ModelSpec, span: Horizon, tables: Tables, as_of: date, data_hash: str) -> Closed:
    scores = read_scores(run)
    scores = scores[scores[model.score].notna()].set_index("customer_id")
    outcome = window_outcome(tables, as_of, span, scores.index)
    rows = pd.DataFrame(
        {
            "as_of": midnight(as_of),
            "version": scores[f"{model.name}_model_version"],
            "predicted": scores[model.score].astype("float64"),
            "lower": scores["predicted_clv_p05"] if model is CLV else np.nan,
            "upper": scores["predicted_clv_p95"] if model is CLV else np.nan,
            "actual": outcome["value"] if model is CLV else (outcome["orders"] == 0).astype("float64"),
            "rfm_group": scores["rfm_group"],
            "value_tier": scores["value_tier"],
            "cohort": _cohorts(tables, as_of).reindex(scores.index),
        },
        index=scores.index,
    )
    rows = rows.sort_index().reset_index()[list(COLUMNS)]
    described = run.manifest["models"][model.name]
    facts = PartFacts(
        run=run.name,
        as_of=str(as_of),
        part=model.name,
        model=described["kind"],
        version=described["version"],
        grade=described.get("verdict", {}).get("grade", ""),
        expected={name: value for name, value in described.get("metrics", {}).items() if name.startswith("model_")},
        horizon_days=span.days,
        shop=run.manifest["shop"],
        data_hash=data_hash,
        rows=len(rows),
    )
    return Closed(facts, rows)


def _cohorts(tables: Tables, as_of: date) -> pd.Series:
    """The quarter of each customer's first order known at ``as_of``, such as 2011Q1."""
    first = visible_table(tables, "orders", as_of).groupby("customer_id")["ordered_at"].min().dt.tz_localize(None)
    quarters: pd.Series = first.dt.to_period("Q").astype("str")
    return quarters


def _write(path: Path, closed: Closed) -> None:
    table = pa.Table.from_pandas(closed.rows, preserve_index=False)
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), KEY: canonical_json(closed.facts.to_json()).encode()}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        pq.write_table(table, name, compression="zstd")
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _facts(path: Path) -> PartFacts:
    try:
        return from_json(PartFacts, json.loads(pq.read_schema(path).metadata[KEY]))
    except (pa.ArrowException, KeyError, TypeError, ValueError, OSError):
        raise DamagedFile(f"{path}: is damaged: delete it and run 'cvo outcomes' again") from None


def _read(path: Path) -> Closed:
    facts = _facts(path)
    try:
        return Closed(facts, pq.read_table(path).to_pandas())
    except (pa.ArrowException, OSError):
        raise DamagedFile(f"{path}: is damaged: delete it and run 'cvo outcomes' again") from None
