"""Training jobs: horizons, definitions and model settings (``configs/jobs/*.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.boosted import LeakPolicy, Positive, Share, Trees
from cvo_ml.config.churn import ChurnJob
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.core.units import Horizon


class HybridJob(FrozenConfig):
    """Boosted trees on snapshots and buy-till-you-die outputs, tried beside the model of purchases."""

    enabled: bool = True
    snapshots_every: Horizon = Horizon("30D")
    most_snapshots: Positive = 6
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
    oracle_customers: Annotated[int, Field(ge=0)] = 50_000
    hybrid: HybridJob = HybridJob()


class IcpJob(FrozenConfig):
    """Lookalikes of the customers with the most value at a fixed age."""

    age: Horizon = Horizon("60D")
    top_share: Share = 0.2
    burn_in: Horizon = Horizon("30D")
    test_share: Share = 0.4
    trees: Trees = Trees(rounds=60)
    leaks: LeakPolicy = LeakPolicy(
        known_at_conversion=("country",),
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


def load_job(name: str, overrides: Sequence[str] = ()) -> FrozenConfig:
    """A job's settings: its file, and what ``name.key=value`` among the overrides changes.

    Raises
    ------
    ConfigError
        If an override names no key or gives a value that the key cannot have.
    """
    own = [text.removeprefix(f"{name}.") for text in overrides if text.startswith(f"{name}.")]
    return load_config(default_config(f"jobs/{name}.yaml"), JOBS[name], own)


__all__ = ["JOBS", "ChurnJob", "ClvJob", "HybridJob", "IcpJob", "LeakPolicy", "Trees", "load_job"]
