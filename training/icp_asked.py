"""Who was asked, who would have won, and how far down the list it pays to ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.jobs import IcpJob
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import days_per, midnight
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.models.icp import PositiveUnlabelled
from cvo_ml.stats.intervals import Interval, bootstrap
from cvo_ml.stats.positive_unlabelled import auc_interval, precision_at
from cvo_ml.stats.profit_cut import best_cut, profit_of_cut
from cvo_ml.stats.ranking import auc, lift
from training.icp_evidence import spread

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
#: From this AUC on, fields tell who is asked so well that the asked no longer stand for all.
SELECTIVE: Final = 0.55


def hidden_winners(
    known: Flags, score: Floats, frequency: Interval, elkan_noto: Interval, capacity: float
) -> dict[str, float]:
    """Metrics over all later leads, the never asked among them."""
    corrected = auc_interval(known, score, frequency)
    over_all = bootstrap(lambda rows: lift(known[rows], score[rows]), len(known), replicates=300)
    return {
        "label_frequency": frequency.estimate,
        **spread("label_frequency", frequency),
        "label_frequency_elkan_noto": elkan_noto.estimate,
        "known_winners_auc": auc(known, score),
        "corrected_auc": corrected.estimate,
        **spread("corrected_auc", corrected),
        "known_winners_lift_top_decile": over_all.estimate,
        **spread("known_winners_lift_top_decile", over_all),
        "corrected_precision_at_capacity": precision_at(known, score, capacity, frequency.estimate),
    }


def selection(
    train: pd.DataFrame, test: pd.DataFrame, numbers: Sequence[str], texts: Sequence[str], job: IcpJob
) -> tuple[dict[str, float], tuple[str, ...]]:
    """How well the fields tell who was asked at all; a note where they do, because c then differs between people."""
    asked, later = train["asked"].to_numpy(dtype=bool), test["asked"].to_numpy(dtype=bool)
    if asked.all() or not asked.any() or later.all() or not later.any():
        return {}, ()
    trees = BoostedClassifier(numbers, texts, job.trees.rounds, job.trees.parameters).fit(train, asked)
    score = trees.predict_positive(test)
    found = bootstrap(lambda rows: auc(later[rows], score[rows]), len(later), replicates=300)
    notes = (
        f"who was asked was no accident: the fields tell it with AUC {found}, so scores of people unlike those asked "
        "are too low, and the judging stands for those like them",
    )
    return {"asked_auc": found.estimate, **spread("asked_auc", found)}, notes if found.lower > SELECTIVE else ()


def pays(
    tables: Tables, as_of: date, decided: pd.DataFrame, model: PositiveUnlabelled, job: IcpJob
) -> tuple[dict[str, float], dict[str, Any]]:
    """The cut-off by profit, chosen on the earlier half of the decided leads and judged on the later half.

    Profit of a lead = what it brought within the age, less its acquisition and the sales time of asking it.
    """
    if len(decided) < 2 or not decided["won"].any():
        return {}, {}
    ordered, middle = decided.sort_values("created_at", kind="stable"), len(decided) // 2
    halves = ordered.iloc[:middle], ordered.iloc[middle:]
    spent = lead_costs(tables, as_of, decided, job)
    earned = [(_winner(model, half), (half["profit"] - spent.loc[half.index]).to_numpy()) for half in halves]
    cut = best_cut(*earned[0])
    later, everybody = profit_of_cut(cut.threshold, *earned[1]), profit_of_cut(0.0, *earned[1])
    chosen = halves[1][_winner(model, halves[1]) >= cut.threshold]
    months = job.age.days / days_per("M")
    won = chosen[chosen["won"]]
    acquisition = float(spent.loc[chosen.index].sum() / len(won)) if len(won) else float("nan")
    monthly = float(won["profit"].mean() / months) if len(won) else float("nan")
    found = {
        "profit_cut_score": cut.threshold,
        "profit_cut_share": cut.share,
        "profit_per_lead_at_cut": later.estimate,
        **spread("profit_per_lead_at_cut", later),
        "profit_per_lead_asking_all": everybody.estimate,
        "won_at_capacity": precision_at(decided["won"].to_numpy(), _winner(model, decided), job.capacity),
        "won_of_all": float(decided["won"].mean()),
        "cost_per_won": acquisition,
        "payback_months": acquisition / monthly if monthly > 0 else float("nan"),
    }
    return found, {name: value if np.isfinite(value) else None for name, value in found.items()}


def lead_costs(tables: Tables, as_of: date, leads: pd.DataFrame, job: IcpJob) -> pd.Series:
    """Cost of each lead: sales time, declared acquisition, and the spend of its source per lead of that source."""
    cost = pd.Series(job.costs.contact + job.costs.acquisition, index=leads.index)
    spend, source = tables.get("acquisition_spend"), job.leads.source
    if spend.empty or source not in leads:
        return cost
    before = spend[spend["date"] < midnight(as_of)]
    people = tables.get("leads")
    counts = people.loc[people["created_at"] < midnight(as_of), source].value_counts()
    per_lead: pd.Series = before.groupby("channel")["spend"].sum() / counts
    acquired: pd.Series = leads[source].astype("object").map(per_lead.to_dict()).astype("float64").fillna(0.0)
    return cost + acquired


def _winner(model: PositiveUnlabelled, frame: pd.DataFrame) -> Floats:
    return np.asarray(model.predict_proba(frame)[:, 1])
