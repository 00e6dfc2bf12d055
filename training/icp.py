"""Fit ICP lookalikes: who becomes a most valuable customer, from the first order; against its value alone."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.jobs import IcpJob
from cvo_ml.config.readiness import IcpMinima
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.features.first_order import FIRST_ORDER_FEATURES, first_order_features, value_by_age
from cvo_ml.features.leak_gate import Evidence, Sample
from cvo_ml.models.icp import FirstOrderValue, Lookalike
from cvo_ml.monitoring.drift import reference_of
from cvo_ml.registry.models import bundle_of
from cvo_ml.stats.grading import grade
from cvo_ml.stats.intervals import bootstrap
from cvo_ml.stats.ranking import auc, lift
from training import plots
from training.dates import first_day
from training.leaks import gate_metrics, pass_gate
from training.result import Trained
from training.trials import icp_trial

Labels = NDArray[np.bool_]
MINIMA: Final = IcpMinima()


def train_icp(tables: Tables, as_of: date, job: IcpJob, minima: IcpMinima = MINIMA) -> Trained:
    """Fit on customers whose window of ``job.age`` is closed; grade on those who came later.

    Raises
    ------
    ModelRefused
        If there are too few most valuable customers.
    """
    rows = labelled(tables, as_of, job)
    train, test = split_in_time(rows, job)
    if not rows["value"].gt(0).any():
        raise ModelRefused(
            f"icp: no customer brought a value above 0 within {job.age}, so nobody is most valuable: map net to the "
            "column with the amounts",
            reason_code="too_few_icp_positives",
        )
    if train["is_top"].sum() < minima.positives or test["is_top"].sum() == 0:
        raise ModelRefused(
            f"icp: to judge out of time, {job.age} must pass between the customers to learn from and the newest ones; "
            f"{int(train['is_top'].sum())} most valuable customers are left to learn from, and {minima.positives} are "
            "needed: use a longer history of first orders or a shorter age",
            reason_code="too_few_icp_positives",
        )
    evidence = leak_evidence(train, test, tables, job)
    model, baseline = fit(train, job, minima), FirstOrderValue().fit(train, train["is_top"].to_numpy())
    y = test["is_top"].to_numpy(dtype=bool)
    predicted = {"model": model.predict_proba(test)[:, 1], "first order value": baseline.predict_proba(test)[:, 1]}
    advantage = bootstrap(
        lambda rows: lift(y[rows], predicted["model"][rows]) - lift(y[rows], predicted["first order value"][rows]),
        len(y),
    )
    verdict = grade(advantage, None, {})
    champion = (
        FirstOrderValue().fit(rows, rows["is_top"].to_numpy()) if verdict.grade == "D" else fit(rows, job, minima)
    )
    facts = {"verdict": verdict.as_dict(), "baseline": "first order value", "leaks": evidence.as_dict()}
    facts |= {"reference": reference_of(rows, champion.columns, champion.predict_proba(rows)[:, 1])}
    settings = {"age_days": job.age.days, "top_share": job.top_share}
    notes = ("not better than the first order's value out of time: it is champion",) if verdict.grade == "D" else ()
    found: dict[str, float] = {"test_rows": len(y), "test_positives": int(y.sum())}
    for name, score in predicted.items():
        prefix = name.replace(" ", "_")
        found |= {f"{prefix}_auc": auc(y, score), f"{prefix}_lift_top_decile": lift(y, score)}
    return Trained(
        bundle_of("icp", champion, settings, facts),
        icp_trial(baseline if verdict.grade == "D" else model, train, test, tables, as_of),
        {"training_rows": len(train), "training_positives": int(train["is_top"].sum())},
        found | gate_metrics(evidence),
        {
            "gains": partial(plots.gains, y.astype(float), predicted),
            "importance": partial(plots.importance, model.trees.importance()),
        },
        notes,
    )


def labelled(tables: Tables, as_of: date, job: IcpJob) -> pd.DataFrame:
    """First-order fields and ``is_top``: value at the fixed age within the top share of all such customers.

    First orders within the burn-in are left out: the customer may have ordered before the data begin.
    """
    values = value_by_age(tables, as_of, job.age)
    rows = first_order_features(tables, as_of).join(values["value"], how="inner")
    rows = rows[rows["first_ordered_at"] >= pd.Timestamp(first_day(tables) + job.burn_in.delta)]
    if rows.empty:
        raise ModelRefused(
            f"icp: no customer has a closed window of {job.age} before {as_of}: use a longer history",
            reason_code="too_few_icp_positives",
        )
    edge = np.quantile(rows["value"], 1 - job.top_share)
    return rows.assign(is_top=(rows["value"] > edge).to_numpy())


def split_in_time(rows: pd.DataFrame, job: IcpJob) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Those whose window was closed when the first of the test customers came, and the test customers."""
    start = rows["first_ordered_at"].quantile(1 - job.test_share)
    closed = rows["first_ordered_at"] + timedelta(days=job.age.whole_days) <= start
    return rows[closed], rows[rows["first_ordered_at"] >= start]


def model_of(rows: pd.DataFrame, job: IcpJob, minima: IcpMinima = MINIMA) -> Lookalike:
    """The lookalike model, not fitted, on those fields that the shop has."""
    features = [name for name in FIRST_ORDER_FEATURES if rows[name].notna().any()]
    has_country = "country" in rows and rows["country"].nunique() > 1
    categories = ("country",) if has_country else ()
    return Lookalike(features, categories, job.trees.rounds, job.trees.parameters, minima.positives)


def fit(rows: pd.DataFrame, job: IcpJob, minima: IcpMinima = MINIMA) -> Lookalike:
    """The lookalike model on all rows."""
    return model_of(rows, job, minima).fit(rows, rows["is_top"].to_numpy())


def leak_evidence(train: pd.DataFrame, test: pd.DataFrame, tables: Tables, job: IcpJob) -> Evidence:
    """The leak gate on the rows that the model is judged with."""
    day = pd.Timestamp(test["first_ordered_at"].median()).date()
    return pass_gate(
        Sample(train, train["is_top"].to_numpy(dtype=bool), test, test["is_top"].to_numpy(dtype=bool)),
        model_of(train, job).columns,
        job.leaks,
        lambda X, y, later: model_of(X, job).trees.fit(X, y).predict_positive(later),
        lambda shop: first_order_features(shop, day),
        tables,
        day,
    )
