"""Profit of the plan at equal budget against churn, CLV and random ranking, on simulated shops with known effects.

    python benchmarks/priorities/simulated_shop.py [--customers 4000] [--shops 10] [--budget 0.1 0.5 2]

The preset is ``shop`` as committed, seeds from its own on. The policy knows each action's cost, window and
declared constant effect (the preset's mean, its half as the low end), never an effect by customer. Each
ranking gives one action to its first customers until the money is spent; of the four actions the one that
turns out best in hindsight counts for it. All profits are true expectations, after costs.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from scipy.stats import t

from cvo_ml.config.churn import Hazard
from cvo_ml.config.jobs import ChurnJob, ClvJob
from cvo_ml.config.priorities import Action, DeclaredEffect, Holdout, PriorityPolicy
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.units import Horizon
from cvo_ml.features import snapshot
from cvo_ml.predict import LoadedModels
from cvo_ml.priorities import ContactConstraints, Plan, contact_constraints, declared_effects, plan
from cvo_ml.priorities.allocation import allocate
from cvo_ml.priorities.allocation.knapsack import NONE
from cvo_ml.priorities.allocation.prices import Limits
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.simulate import ShopTruth, SimulatedShop, shop_preset, simulate_shop
from cvo_ml.workflows.score_tables import score_customers
from training.churn.fit import train_churn
from training.clv.sections import PurchaseSpec
from training.clv.validation import fit

AS_OF = date(2023, 1, 1)
HORIZON = Horizon("180D")
LOW_END = 0.5


def policy_of(shop: SimulatedShop, budget: float) -> PriorityPolicy:
    """The preset's actions with declared constant effects, nobody held out."""
    campaigns = shop.config.campaigns
    assert campaigns is not None
    actions = tuple(
        Action(
            name=known.name,
            channel=known.channel,
            kind=known.kind,
            cost=known.cost,
            window=Horizon.of_days(campaigns.window_days),
            cooldown=Horizon("30D"),
            effect=DeclaredEffect(
                estimate=known.mean, low=LOW_END * known.mean, high=min(1.0, 2 * known.mean), source="preset's mean"
            ),
        )
        for known in campaigns.actions
    )
    return PriorityPolicy(actions=actions, budget=budget, holdout=Holdout(share=0.0))


def scores_of(shop: SimulatedShop, policy: PriorityPolicy) -> pd.DataFrame:
    """Scores by models that saw the shop's tables before the cut only."""
    clv_job, churn_job = ClvJob(horizon=HORIZON), ChurnJob(hazard=Hazard(enabled=False))
    fitted = fit(snapshot(shop.tables, AS_OF), PurchaseSpec.of(clv_job))
    assert fitted.scorer is not None
    churn = train_churn(shop.tables, AS_OF, churn_job).bundle
    clv = bundle_of("clv", fitted.scorer, {"horizon_days": HORIZON.days, "discount_rate": 0.0})
    models = LoadedModels.of(clv, churn)
    return score_customers(shop.tables, AS_OF, models, SegmentPolicy(), policy, shop="simulated").scores


def seeing_only_the_profile(shop: SimulatedShop) -> ShopTruth:
    """The truth with each effect replaced by what the profile shows of it."""
    effects = shop.truth.frames["effects"]
    shown = effects.assign(effect=effects["observable_effect"])
    return replace(shop.truth, frames={**shop.truth.frames, "effects": shown})


def by_action(effects: pd.DataFrame, column: str, policy: PriorityPolicy) -> pd.DataFrame:
    """One row per customer, one column per action."""
    return effects.pivot(index="customer_id", columns="action", values=column)[[a.name for a in policy.actions]]


def true_profit(found: Plan, true: pd.DataFrame) -> float:
    """What a plan's contacts really earn in expectation."""
    act = found.columns["next_action"].dropna()
    rows, columns = true.index.get_indexer(act.index), true.columns.get_indexer(pd.Index(act))
    return float(true.to_numpy()[rows, columns].sum())


def ranked_profit(score: pd.Series, true: pd.DataFrame, policy: PriorityPolicy, budget: float) -> float:
    """The best single action, in hindsight, for the first customers of a ranking."""
    order = score.sort_values(ascending=False, kind="stable").index
    earned = [
        true.loc[order[: int(budget / action.cost + 1e-9)], action.name].sum() if action.cost else 0.0
        for action in policy.actions
    ]
    return float(max(earned))


@dataclass(frozen=True)
class Known:
    """What is needed of a shop, for customers who may be contacted: scores, opt-outs and costs, true profits.

    ``seen`` are the profits if the effects were what the profile shows of them.
    """

    scores: pd.DataFrame
    around: ContactConstraints
    true: pd.DataFrame
    seen: pd.DataFrame
    uplift: pd.DataFrame

    @classmethod
    def of(cls, shop: SimulatedShop) -> Known:
        """Score a shop and ask its truth."""
        free = policy_of(shop, 0.0)
        around = contact_constraints(shop.tables, AS_OF)
        scores = scores_of(shop, free)
        scores = scores[~scores.index.isin(list(around.opted_out))]
        visible = seeing_only_the_profile(shop).effects(AS_OF, HORIZON)
        uplift = visible.assign(effect_lower=visible["effect"], source="uplift", version="truth")
        return cls(
            scores,
            replace(around, treatments=around.treatments.iloc[:0]),  # the rankings know no cooldown either
            by_action(shop.truth.effects(AS_OF, HORIZON), "profit", free).reindex(scores.index),
            by_action(visible, "profit", free).reindex(scores.index),
            uplift[uplift["customer_id"].isin(scores.index)],
        )


def compare(shop: SimulatedShop, known: Known, budget_per_customer: float) -> dict[str, float]:
    """True profit of each policy in one shop, per customer who may be contacted."""
    budget = budget_per_customer * len(known.scores)
    policy = policy_of(shop, budget)
    earned = {"plan": true_profit(plan(known.scores, declared_effects(policy), policy, known.around), known.true)}
    rankings = {
        "churn ranking": known.scores["churn_probability"].fillna(-1.0),
        "CLV ranking": known.scores["predicted_clv"].fillna(-1.0),
        "random": pd.Series(np.random.default_rng(shop.seed).random(len(known.scores)), index=known.scores.index),
    }
    earned |= {name: ranked_profit(score, known.true, policy, budget) for name, score in rankings.items()}
    earned["plan with the observable effects"] = true_profit(
        plan(known.scores, known.uplift, policy, known.around), known.true
    )
    earned["oracle of what is observable"] = oracle(known.seen, known.true, policy)
    return {name: value / len(known.scores) for name, value in earned.items()}


def oracle(seen: pd.DataFrame, true: pd.DataFrame, policy: PriorityPolicy) -> float:
    """The best allocation by the true process and the observable part of the effects."""
    cost = np.array([[action.cost for action in policy.actions]])
    nobody = np.full(len(seen), NONE)
    limits = Limits(cost, np.array([policy.budget or 0.0]), nobody, np.zeros(0, np.int64))
    choice = allocate(seen.to_numpy(), limits).choice
    who = np.flatnonzero(choice != NONE)
    return float(true.to_numpy()[who, choice[who]].sum())


def table(results: list[Mapping[str, float]]) -> str:
    """Means over shops, and the plan's lead over each with its 95 % interval."""
    frame = pd.DataFrame(results)
    lines = ["| policy | profit per customer | plan - policy (95 % interval over shops) |", "|---|---|---|"]
    half = t.ppf(0.975, len(frame) - 1) if len(frame) > 1 else np.nan
    for name in frame:
        lead = frame["plan"] - frame[name]
        spread = half * lead.std(ddof=1) / np.sqrt(len(lead))
        shown = (
            "" if name == "plan" else f"{lead.mean():+.3f} [{lead.mean() - spread:+.3f}, {lead.mean() + spread:+.3f}]"
        )
        lines.append(f"| {name} | {frame[name].mean():.3f} | {shown} |")
    return "\n".join(lines)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--customers", type=int, default=4_000)
    options.add_argument("--shops", type=int, default=10)
    options.add_argument("--budget", type=float, nargs="+", default=[0.1, 0.5, 2.0], help="per customer")
    chosen = options.parse_args()
    first = shop_preset("shop").seed
    wanted = ["customers", "orders", "order_lines", "refunds", "treatments", "costs_to_serve"]
    shops = [simulate_shop("shop", chosen.customers, first + n, tables=wanted) for n in range(chosen.shops)]
    prepared = [Known.of(shop) for shop in shops]
    for money in chosen.budget:
        print(f"\nbudget {money:g} per customer, {chosen.shops} shops of {chosen.customers:,} customers")
        print(table([compare(*pair, money) for pair in zip(shops, prepared, strict=True)]), flush=True)
