"""A simulated shop of known rates: one cohort by BG/NBD and Gamma-Gamma."""

from __future__ import annotations

from datetime import date

from cvo_ml.config.simulation import BetaDistribution, Dropout, Population, Renewal, SimulatedShopConfig, Spend

R, ALPHA, A, B = 0.55, 6.0, 0.8, 4.5
P, Q, V = 6.25, 3.74, 15.44


def cohort(acquired_until: date) -> SimulatedShopConfig:
    """A BG/NBD and Gamma-Gamma shop of 18 months, about 4 orders per customer."""
    population = Population(
        name="all",
        purchase=Renewal(r=R, alpha=ALPHA),
        dropout=Dropout(per_order=BetaDistribution(a=A, b=B)),
        spend=Spend(p=P, q=Q, v=V),
    )
    return SimulatedShopConfig(
        name="benchmark",
        about="one cohort, BG/NBD and Gamma-Gamma",
        seed=1,
        start=date(2020, 1, 1),
        acquired_until=acquired_until,
        end=date(2021, 6, 30),
        populations=(population,),
    )
