"""How a CLV model did in the window after its cut."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Final, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features.engine import engine
from cvo_ml.features.order_relations import order_rows
from cvo_ml.models.clv import clv_formula
from cvo_ml.models.clv.baselines import LastPeriod
from cvo_ml.models.clv.covariates import has_covariates
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.models.clv.tracking import Tracking, track
from cvo_ml.stats.accuracy import accuracy, by_group, deciles, paired
from cvo_ml.stats.intervals import Interval, bootstrap
from cvo_ml.stats.ranking import capture
from training.clv.summary import Judgement

Floats = NDArray[np.float64]
#: Frequencies from here on are one group, as in Fader, Hardie & Lee (2005).
MOST_FREQUENT: Final = 7
#: Customers whose curves are averaged where covariates make them differ.
MOST_CURVES: Final = 200
#: Of the value that came, in the top tenth of an order by lot.
CHANCE: Final = 0.1


class Fit(Protocol):
    """What judging reads of a fit."""

    @property
    def scorer(self) -> BuyTillYouDie | None:
        """The scorer; None at the formula."""


class Window(Protocol):
    """What judging reads of a validation: read-only."""

    @property
    def cut(self) -> date:
        """The first day that the model did not see."""

    @property
    def features(self) -> pd.DataFrame:
        """The snapshot at the cut."""

    @property
    def outcome(self) -> pd.DataFrame:
        """``orders, purchase_days, value`` of the window."""

    @property
    def table(self) -> pd.DataFrame:
        """The model's columns."""

    @property
    def predicted(self) -> Mapping[str, Floats]:
        """Value by the name of what predicted it; ``model`` is the one that is judged."""

    @property
    def baseline(self) -> str:
        """Name in ``predicted`` of what the model must beat."""

    @property
    def choice(self) -> str:
        """Which of the candidates the model is, and why."""

    @property
    def fitted(self) -> Fit:
        """The fit at the cut."""


def judge(tables: Tables, as_of: date, window: Window, horizon: Horizon) -> Judgement:
    """All evidence that a window of validation gives."""
    actual = window.outcome["value"].to_numpy(dtype=np.float64)
    model = window.predicted["model"]
    scorer = window.fitted.scorer
    tried = {name: window.predicted[name] for name in ("hybrid", "btyd") if name in window.predicted}
    others = {name: values for name, values in window.predicted.items() if name != "model" and name not in tried}
    columns = {"predicted": model, "actual": actual}
    inside = None
    if scorer is not None:
        low, high = (window.table[f"predicted_clv_{end}"].to_numpy() for end in ("p05", "p95"))
        inside = ((actual >= low) & (actual <= high)).astype(np.float64)
        columns["inside_90"] = inside
    by_decile = by_group(deciles(model), columns)
    total = float(actual.sum())
    for row in by_decile:
        row["share_of_actual"] = row["actual"] * row["rows"] / total if total > 0 else 0.0
    days = purchase_predictions(window, horizon)
    came = window.outcome["purchase_days"].to_numpy(dtype=np.float64)
    lead = {name: paired(actual, model, values) for name, values in others.items()}
    by_frequency = []
    if scorer is not None:
        group = np.minimum(window.features["frequency"].to_numpy(), MOST_FREQUENT).astype(np.intp)
        by_frequency = by_group(group, {"expected": days["model"], "actual": came})
    return Judgement(
        window.cut,
        horizon,
        {name: accuracy(actual, values) for name, values in window.predicted.items()},
        {name: accuracy(came, values) for name, values in days.items()},
        lead,
        paired(actual, tried["hybrid"], tried["btyd"]) if tried else {},
        window.choice,
        by_decile,
        by_frequency,
        None if scorer is None else tracking_of(tables, as_of, window, scorer),
        None if inside is None else float(inside.mean()),
        remarks_on_order(actual, model, window.baseline, lead[window.baseline]),
    )


def remarks_on_order(
    actual: Floats, model: Floats, baseline: str, lead: Mapping[str, Interval], *, replicates: int = 300
) -> tuple[str, ...]:
    """Sentences where the model's order is not surely better than chance, or surely worse than the baseline's.

    Parameters
    ----------
    lead:
        Of the model over the ``baseline``, paired.
    """
    if actual.sum() <= 0 or np.ptp(model) == 0:
        return ()
    found = []
    share = bootstrap(lambda rows: capture(actual[rows], model[rows]), len(actual), replicates=replicates)
    if share.lower <= CHANCE:
        found.append(
            f"the order is not surely better than chance: the top tenth by prediction held {share.estimate:.1%} of the "
            f"value that came [{share.lower:.1%}, {share.upper:.1%}], so do not choose customers by it"
        )
    if "gini" in lead and lead["gini"].upper < 0:
        found.append(f"the {baseline} orders customers better: lead in Gini {lead['gini']}")
    return tuple(found)


def purchase_predictions(window: Window, horizon: Horizon) -> dict[str, Floats]:
    """Expected purchase days of each customer (n,) by the model (where there is one) and by the baselines."""
    features, scorer = window.features, window.fitted.scorer
    so_far = features["frequency"].to_numpy() + 1
    found = {}
    if scorer is not None:
        orders = window.table["predicted_number_of_orders"].to_numpy()
        found["model"] = orders / scorer.orders_per_purchase_day
    found["formula"] = clv_formula(so_far, so_far, features["days_since_first_order"], horizon)
    last = LastPeriod.like(horizon)
    found["last period repeated"] = last.repeated(features[f"purchase_days_{last.days}d"], horizon)
    found["zero"] = np.zeros(len(features))
    return found


def tracking_of(tables: Tables, as_of: date, window: Window, scorer: BuyTillYouDie) -> Tracking | None:
    """Repeat purchase days by the week, of the customers known at the cut, until ``as_of``; None within one week."""
    model = scorer.model.transactions_
    with engine(tables) as opened:
        orders = order_rows(opened, [as_of])
        days = opened.run(orders.filter(orders.kept).select("customer_id", "day").distinct(), ["customer_id", "day"])
    frame = days.reset_index()
    frame = frame[frame["customer_id"].isin(window.features.index)]
    day = pd.to_datetime(frame["day"])
    first = day.groupby(frame["customer_id"]).transform("min")
    start = first.min()
    born = frame.loc[day == first, "customer_id"].index
    births, repeats = ((part - start).dt.days.to_numpy(dtype=np.intp) for part in (day[born], day[day > first]))
    cut_day, length = (pd.Timestamp(window.cut) - start).days, (pd.Timestamp(as_of) - start).days
    if length <= MOST_FREQUENT:
        return None
    known = births < cut_day  # an order refunded after the cut can move a first purchase past it
    some = None
    if has_covariates(model):  # the mean curve of a sample: a cohort's customers differ little on average
        prepared = scorer.prepared(window.features)
        some = prepared.iloc[:: max(1, len(prepared) // MOST_CURVES)]
    curve = partial(model.expected_curve_new, X=some)
    return track(births[known], repeats, curve, cut_day=cut_day, days=length)
