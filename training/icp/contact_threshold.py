"""How far down the list it pays to ask."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import days_per
from cvo_ml.core.visibility import visible_table
from cvo_ml.models.icp import PositiveUnlabelled
from cvo_ml.stats.contact_threshold import best_cut, profit_of_cut
from cvo_ml.stats.positive_unlabelled import precision_at
from training.icp.metrics import spread
from training.icp.sections import ContactSpec


def pays(
    tables: Tables, as_of: date, decided: pd.DataFrame, model: PositiveUnlabelled, contact: ContactSpec
) -> tuple[dict[str, float], dict[str, Any]]:
    """The cut-off by profit, chosen on the earlier half of the decided leads and judged on the later half.

    Profit of a lead = what it brought within the age, less its acquisition and the sales time of asking it.
    """
    if len(decided) < 2 or not decided["won"].any():
        return {}, {}
    ordered, middle = decided.sort_values("created_at", kind="stable"), len(decided) // 2
    halves = ordered.iloc[:middle], ordered.iloc[middle:]
    spent = lead_costs(tables, as_of, decided, contact)
    earned = [(_winner(model, half), (half["profit"] - spent.loc[half.index]).to_numpy()) for half in halves]
    cut = best_cut(*earned[0])
    later, everybody = profit_of_cut(cut.threshold, *earned[1]), profit_of_cut(0.0, *earned[1])
    chosen = halves[1][_winner(model, halves[1]) >= cut.threshold]
    months = contact.age.days / days_per("M")
    won = chosen[chosen["won"]]
    acquisition = float(spent.loc[chosen.index].sum() / len(won)) if len(won) else float("nan")
    monthly = float(won["profit"].mean() / months) if len(won) else float("nan")
    found = {
        "profit_cut_score": cut.threshold,
        "profit_cut_share": cut.share,
        "profit_per_lead_at_cut": later.estimate,
        **spread("profit_per_lead_at_cut", later),
        "profit_per_lead_asking_all": everybody.estimate,
        "won_at_capacity": precision_at(decided["won"].to_numpy(), _winner(model, decided), contact.capacity),
        "won_of_all": float(decided["won"].mean()),
        "cost_per_won": acquisition,
        "payback_months": acquisition / monthly if monthly > 0 else float("nan"),
    }
    return found, {name: value if np.isfinite(value) else None for name, value in found.items()}


def lead_costs(tables: Tables, as_of: date, leads: pd.DataFrame, contact: ContactSpec) -> pd.Series:
    """Cost of each lead: sales time, declared acquisition, and the spend of its source per lead of that source."""
    cost = pd.Series(contact.costs.contact + contact.costs.acquisition, index=leads.index)
    spend, source = visible_table(tables, "acquisition_spend", as_of), contact.source
    if spend.empty or source not in leads:
        return cost
    counts = visible_table(tables, "leads", as_of)[source].value_counts()
    per_lead: pd.Series = spend.groupby("channel")["spend"].sum() / counts
    acquired: pd.Series = leads[source].astype("object").map(per_lead.to_dict()).astype("float64").fillna(0.0)
    return cost + acquired


def _winner(model: PositiveUnlabelled, frame: pd.DataFrame) -> Floats:
    return np.asarray(model.predict_proba(frame)[:, 1])
