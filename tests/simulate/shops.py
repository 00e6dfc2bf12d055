"""Small shops that the tests share: one cohort of one population, nothing else."""

from __future__ import annotations

from datetime import date
from typing import Any

from cvo_ml.config.simulation import (
    BetaDistribution,
    Dropout,
    GammaDistribution,
    Population,
    Renewal,
    SimulatedShopConfig,
    Spend,
)

CDNOW = {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}
SPEND = Spend(p=6.25, q=3.74, v=15.44)


def cohort(
    purchase: Any = None, dropout: Dropout | None = None, weeks: int = 78, one_time: bool = False, **settings: Any
) -> SimulatedShopConfig:
    """A shop whose customers all place their first order on one day, by default BG/NBD as on CDNOW."""
    population = Population(
        name="all",
        purchase=purchase or Renewal(r=CDNOW["r"], alpha=CDNOW["alpha"]),
        dropout=dropout or Dropout(per_order=BetaDistribution(a=CDNOW["a"], b=CDNOW["b"])),
        spend=SPEND,
        one_time=one_time,
    )
    start = date(2020, 1, 1)
    end = date.fromordinal(start.toordinal() + 7 * weeks + 1)
    plain: dict[str, Any] = {
        "name": "cohort",
        "about": "test",
        "seed": 1,
        "start": start,
        "acquired_until": date(2020, 1, 2),
        "end": end,
        "populations": (population,),
    }
    return SimulatedShopConfig(**(plain | settings))


PARETO = Dropout(per_time=GammaDistribution(shape=0.60625, rate=11.67150))
