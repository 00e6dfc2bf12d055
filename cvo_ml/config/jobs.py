"""Training jobs: horizons, definitions and model settings (``configs/jobs/*.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from cvo_ml.config.base import Count, FrozenConfig, ProperShare, Repeats
from cvo_ml.config.boosted import LeakPolicy, Trees
from cvo_ml.config.churn import ChurnJob
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.core.errors import ConfigError
from cvo_ml.core.units import Horizon


class HybridJob(FrozenConfig):
    """Boosted trees on snapshots and buy-till-you-die outputs, tried beside the model of purchases."""

    enabled: bool = True
    snapshots_every: Horizon = Horizon("30D")
    most_snapshots: Repeats = 6
    shortest_history: Horizon = Horizon("60D")
    trees: Trees = Trees(rounds=60)


class ClvJob(FrozenConfig):
    """Buy-till-you-die CLV."""

    model: Literal["bg_nbd", "mbg_nbd", "pareto_nbd"] = "bg_nbd"
    horizon: Horizon = Horizon("365D")
    validation_horizon: Horizon = Horizon("90D")
    discount_rate: Annotated[float, Field(ge=0, lt=1)] = 0.0
    penalty: Annotated[float, Field(ge=0)] = 0.0
    covariates: tuple[str, ...] = ()
    oracle_customers: Count = 50_000
    hybrid: HybridJob = HybridJob()


class LeadsJob(FrozenConfig):
    """Leads and deals (``icp.setting: leads``): who was won, and was profitable.

    Parameters
    ----------
    decision:
        A win counts that comes this soon after the lead.
    known_within:
        Fields count as known that were written this soon after the lead came.
    source:
        The field whose rates are the baseline.
    written_later:
        Fields that are filled in later, known to the data's owner: left out.
    profit_above, top_share_of_won:
        A won lead is a winner above this profit, and in the top share of the won, if one is given.
    """

    decision: Horizon = Horizon("90D")
    known_within: Horizon = Horizon("1D")
    source: str = "source"
    written_later: tuple[str, ...] = ()
    profit_above: float = 0.0
    top_share_of_won: ProperShare | None = None


class IcpCosts(FrozenConfig):
    """What contacting a person costs: sales time, and acquisition beyond the table ``acquisition_spend``."""

    contact: Annotated[float, Field(ge=0)] = 0.0
    acquisition: Annotated[float, Field(ge=0)] = 0.0


class IcpJob(FrozenConfig):
    """Lookalikes of the most profitable customers, from what is known before they are.

    Parameters
    ----------
    setting:
        ``shop``: the first order tells of what comes after it. ``leads``: a lead's fields tell of win and profit.
    age:
        Profit is compared at this age after the first order or the win.
    counts_first_order:
        Whether the first order itself counts in that profit (then its value is a baseline that can hardly be beaten).
    bags, per_positive:
        Models, and background rows per known winner in each, of positive-unlabelled learning.
    capacity:
        Share of people who can be contacted.
    more_features:
        Columns of customers (``profile.<column>``) that are read too, where ``leaks.known_at_conversion`` vouches that
        they were known at the first order. A Python file of features is the churn job's: its functions speak of a
        date, and a lookalike is judged at a moment of its own.
    blocked:
        Fields that no model reads; the fairness report looks at them.
    """

    setting: Literal["shop", "leads"] = "shop"
    age: Horizon = Horizon("60D")
    counts_first_order: bool = False
    top_share: ProperShare = 0.2
    burn_in: Horizon = Horizon("30D")
    test_share: ProperShare = 0.4
    trees: Trees = Trees(rounds=60, parameters={"num_leaves": 7})
    bags: Repeats = 10
    per_positive: Annotated[float, Field(gt=0)] = 3.0
    capacity: ProperShare = 0.1
    leads: LeadsJob = LeadsJob()
    costs: IcpCosts = IcpCosts()
    more_features: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ("age", "birth_date", "gender", "sex")
    leaks: LeakPolicy = LeakPolicy(
        known_at_conversion=(
            "country",
            "region",
            "city",
            "acquisition_channel",
            "acquisition_campaign",
            "source",
            "industry",
            "employees",
            "engagement_score",
            "maturity_score",
        ),
        acknowledged=(
            "first_order_value",
            "first_order_units",
            "first_order_lines",
            "first_order_products",
            "first_order_max_quantity",
            "first_order_mean_price",
        ),
    )


#: the jobs by name, each with its file in ``configs/jobs``
JOBS: Final[Mapping[str, type[FrozenConfig]]] = {"clv": ClvJob, "churn": ChurnJob, "icp": IcpJob}


#: Why a job has no features of the user's own, by job and key.
NOT_OWN: Final[Mapping[tuple[str, str], str]] = {
    **dict.fromkeys(
        [("clv", "features"), ("clv", "more_features")],
        "a CLV model reads purchases alone, and what was settled at the first order as clv.covariates: name own "
        "features under churn",
    ),
    (
        "icp",
        "features",
    ): "a lookalike is judged at its own first order, and a function speaks of one date for all: name "
    "columns of customers that were known then (icp.more_features=[profile.<column>])",
}


def load_job(name: str, overrides: Sequence[str] = (), own: Path | None = None) -> FrozenConfig:
    """A job's settings: its file, and what ``name.key=value`` among the overrides changes.

    Parameters
    ----------
    own:
        A folder whose ``jobs/<name>.yaml`` comes before the packaged one (``Workspace.configs``).

    Raises
    ------
    ConfigError
        If an override names no key or gives a value that the key cannot have.
    """
    changed = [text.removeprefix(f"{name}.") for text in overrides if text.startswith(f"{name}.")]
    for text in changed:
        if (why := NOT_OWN.get((name, text.partition("=")[0].strip()))) is not None:
            raise ConfigError(f"--set {name}.{text.partition('=')[0]}: {why}")
    return load_config(default_config(f"jobs/{name}.yaml", own), JOBS[name], changed)


__all__ = ["JOBS", "ChurnJob", "ClvJob", "HybridJob", "IcpJob", "LeakPolicy", "Trees", "load_job"]
