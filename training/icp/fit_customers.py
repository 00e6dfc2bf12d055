"""Fit ICP lookalikes: who becomes a most profitable customer, from what is known before; by shop or by leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.config.jobs import IcpJob
from cvo_ml.config.readiness import IcpMinima
from cvo_ml.core.arrays import Floats
from cvo_ml.core.errors import ConfigError, ModelRefused
from cvo_ml.core.models import ICP
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features.engine import engine
from cvo_ml.features.first_order import FIRST_ORDER_FEATURES, FIRST_ORDER_TEXTS, first_order_features
from cvo_ml.features.leads import as_numbers
from cvo_ml.features.leak_gate import Evidence, GateSample
from cvo_ml.features.own.features import check_profile
from cvo_ml.features.value_at_age import profit, value_by_age
from cvo_ml.models.icp import FirstOrderValue, LookalikeClassifier
from cvo_ml.monitoring.drift import reference_of
from cvo_ml.registry.bundles.kinds import bundle_of
from training.evidence import plots
from training.evidence.dates import first_day
from training.evidence.leak_gate import gate_metrics, pass_gate
from training.evidence.result import Trained
from training.icp.fit_leads import train_on_leads
from training.icp.metrics import MODEL, logistic, metrics, nearest_seeds, stability, verdict_on
from training.icp.profile_features import baskets, life
from training.icp.profile_report import report, with_calendar
from training.icp.sections import CustomersSpec, LearningSpec, ProfileSpec, sections_of
from training.icp.window import icp_window

MINIMA: Final = IcpMinima()
BASELINE: Final = "first order value"


def train_icp(tables: Tables, as_of: date, job: IcpJob, minima: IcpMinima = MINIMA) -> Trained:
    """Fit on people whose window of ``job.age`` is closed; grade on those who came later.

    Raises
    ------
    ModelRefused
        If there are too few most profitable customers, or a field may know the outcome.
    """
    if job.setting == "leads" and job.more_features:
        raise ConfigError("icp: more_features: a model of leads reads every field of the leads that was known in time")
    if job.setting == "leads":
        return train_on_leads(tables, as_of, job, minima)
    sections = sections_of(job)
    customers, learning = sections.customers, sections.learning
    check_profile(tables, learning.profile, ICP.name, learning.leaks.acknowledged)
    rows = labelled(tables, as_of, customers)
    train, test = split_in_time(rows, customers)
    _check(rows, train, test, customers.age, minima)
    evidence = leak_evidence(train, test, tables, learning)
    model, baseline = fit(train, learning, minima), FirstOrderValue().fit(train, train["is_top"].to_numpy())
    y = test["is_top"].to_numpy(dtype=bool)
    scores = {
        MODEL: model.predict_proba(test)[:, 1],
        BASELINE: baseline.predict_proba(test)[:, 1],
        **_rivals(model, train, test),
    }
    verdict = verdict_on(y, scores, BASELINE)
    champion = (
        FirstOrderValue().fit(rows, rows["is_top"].to_numpy()) if verdict.grade == "D" else fit(rows, learning, minima)
    )
    settings = {
        "setting": "shop",
        "age_days": job.age.days,
        "top_share": job.top_share,
        "counts_first_order": job.counts_first_order,
        "value_basis": rows.attrs["basis"],
    }
    facts = {"verdict": verdict.to_json(), "baseline": BASELINE, "leaks": evidence.to_json()}
    facts |= {"reference": reference_of(rows, champion.columns, champion.predict_proba(rows)[:, 1]).to_json()}
    judged = baseline if verdict.grade == "D" else model
    texts, documents = _described(tables, rows, model, sections.profile, scores[MODEL], test)
    return Trained(
        bundle_of("icp", champion, settings, facts),
        icp_window(judged, train, test, "first_ordered_at", settings, first_order_features(tables, as_of)),
        {
            "training_rows": len(train),
            "training_positives": int(train["is_top"].sum()),
            "label": label_in_words(customers, rows.attrs["basis"]),
        },
        metrics(y, scores, job.capacity) | gate_metrics(evidence),
        {
            "gains": partial(plots.gains, y.astype(float), {name: scores[name] for name in (MODEL, BASELINE)}),
            "importance": partial(plots.importance, model.trees.importance()),
        },
        ("not better than the first order's value out of time: it is champion",) if verdict.grade == "D" else (),
        {"stability": {"quarters": stability(y, scores[MODEL], test["first_ordered_at"])}, **documents},
        texts,
    )


def label_in_words(customers: CustomersSpec, basis: str) -> str:
    """What a most profitable customer is."""
    since = "with the first order" if customers.counts_first_order else "after the first order"
    return f"top {customers.top_share:.0%} by {basis} {since} within {customers.age}"


def labelled(tables: Tables, as_of: date, customers: CustomersSpec) -> pd.DataFrame:
    """First-order fields, ``value`` and ``is_top``: profit at the fixed age within the top share of all such customers.

    First orders within the burn-in are left out: the customer may have ordered before the data begin. ``attrs`` holds
    the ``basis``: contribution where every order's cost is known, else revenue.
    """
    with engine(tables) as shop:
        values, first = value_by_age(shop, as_of, customers.age), first_order_features(shop, as_of)
    worth, basis = profit(values, later=not customers.counts_first_order)
    rows = first.join(worth.rename("value"), how="inner")
    rows = rows[rows["first_ordered_at"] >= pd.Timestamp(first_day(tables) + customers.burn_in.delta)]
    if rows.empty:
        raise ModelRefused(
            f"icp: no customer has a closed window of {customers.age} before {as_of}: use a longer history",
            reason_code="too_few_icp_positives",
        )
    edge = max(0.0, float(np.quantile(rows["value"], 1 - customers.top_share)))
    rows = rows.assign(is_top=(rows["value"] > edge).to_numpy())
    rows.attrs["basis"] = basis
    return rows


def split_in_time(rows: pd.DataFrame, customers: CustomersSpec) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Those whose window was closed when the first of the test customers came, and the test customers."""
    start = rows["first_ordered_at"].quantile(1 - customers.test_share)
    closed = rows["first_ordered_at"] + timedelta(days=customers.age.whole_days) <= start
    return rows[closed], rows[rows["first_ordered_at"] >= start]


def model_of(rows: pd.DataFrame, learning: LearningSpec, minima: IcpMinima = MINIMA) -> LookalikeClassifier:
    """The lookalike model, not fitted, on the first order and on the declared profile fields that the shop has."""
    profile = [name for name in learning.declared if name in rows and name not in FIRST_ORDER_FEATURES]
    numbers = [name for name in FIRST_ORDER_FEATURES if rows[name].notna().any()] + list(as_numbers(rows, profile))
    texts = [name for name in (*FIRST_ORDER_TEXTS, *profile) if name not in numbers and rows[name].nunique() > 1]
    return LookalikeClassifier(numbers, texts, learning.trees.rounds, learning.trees.parameters, minima.positives)


def fit(rows: pd.DataFrame, learning: LearningSpec, minima: IcpMinima = MINIMA) -> LookalikeClassifier:
    """The lookalike model on all rows."""
    return model_of(rows, learning, minima).fit(rows, rows["is_top"].to_numpy())


def leak_evidence(train: pd.DataFrame, test: pd.DataFrame, tables: Tables, learning: LearningSpec) -> Evidence:
    """The leak gate on the rows that the model is judged with."""
    day = pd.Timestamp(test["first_ordered_at"].median()).date()
    columns = model_of(train, learning).grower(train).columns
    return pass_gate(
        GateSample(train, train["is_top"].to_numpy(dtype=bool), test, test["is_top"].to_numpy(dtype=bool)),
        columns,
        learning.leaks,
        lambda X, y, later: model_of(X, learning).grower(X).fit(X, y).predict_positive(later),
        lambda shop: first_order_features(shop, day),
        tables,
        day,
    )


def _described(
    tables: Tables,
    rows: pd.DataFrame,
    model: LookalikeClassifier,
    profile: ProfileSpec,
    score: Floats,
    test: pd.DataFrame,
) -> tuple[dict[str, str], dict[str, Mapping[str, Any]]]:
    """The profile; bad fits brought nothing, or less than they cost, after the first order."""
    met, sections = life(tables, rows["first_ordered_at"], profile.age)
    basket = baskets(tables, rows.index)
    known = with_calendar(rows, "first_ordered_at").join(met).join(basket)
    more: dict[str, Sequence[str]] = {
        "when": ["month", "weekday", "hour"],
        "what": [str(name) for name in basket],
        **sections,
    }
    against = (rows["value"] <= 0).to_numpy()
    return report(known, model.columns, profile, score=score, test=test, more=more, against=against)


def _rivals(model: LookalikeClassifier, train: pd.DataFrame, test: pd.DataFrame) -> dict[str, Floats]:
    is_top = train["is_top"].to_numpy(dtype=bool)
    numbers, texts = list(model.trees.features), list(model.trees.categories)
    return {
        "logistic": logistic(train, is_top, test, numbers, texts),
        "nearest seeds": nearest_seeds(model.trees, train[is_top], test),
    }


def _check(rows: pd.DataFrame, train: pd.DataFrame, test: pd.DataFrame, age: Horizon, minima: IcpMinima) -> None:
    if not rows["value"].gt(0).any():
        raise ModelRefused(
            f"icp: no customer brought a value above 0 within {age}, so nobody is most valuable: map net to the "
            "column with the amounts",
            reason_code="too_few_icp_positives",
        )
    if train["is_top"].sum() < minima.positives or test["is_top"].sum() == 0:
        raise ModelRefused(
            f"icp: to judge out of time, {age} must pass between the customers to learn from and the newest ones; "
            f"{int(train['is_top'].sum())} most valuable customers are left to learn from, and {minima.positives} are "
            "needed: use a longer history of first orders or a shorter age",
            reason_code="too_few_icp_positives",
        )
