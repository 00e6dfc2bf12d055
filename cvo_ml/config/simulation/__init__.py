"""Schemas of the simulator's presets (configs/simulate/*.yaml): what is drawn, from which distribution.

Rates and dropout are written in the preset's ``time_unit``, as the literature does; everything
else is in days. An optional section that is absent switches its behaviour off.
"""

from cvo_ml.config.simulation.laws import (
    BetaDistribution,
    Dependence,
    Dependences,
    Dropout,
    GammaDistribution,
    Opportunities,
    Population,
    Renewal,
    Spend,
)
from cvo_ml.config.simulation.saas import (
    Contact,
    Milestones,
    PricePlan,
    PriceRise,
    SaasDependence,
    SimulatedSaasConfig,
)
from cvo_ml.config.simulation.sections import (
    Campaigns,
    Catalogue,
    Channel,
    City,
    CostsToServe,
    Defects,
    Margin,
    RateShift,
    Refunds,
    SalesPromotion,
    SimulatedAction,
    SimulatedSeason,
    Surveys,
    Tickets,
    TouchChannel,
)
from cvo_ml.config.simulation.shop import (
    SimulatedShopConfig,
)

__all__ = [
    "BetaDistribution",
    "Campaigns",
    "Catalogue",
    "Channel",
    "City",
    "Contact",
    "CostsToServe",
    "Defects",
    "Dependence",
    "Dependences",
    "Dropout",
    "GammaDistribution",
    "Margin",
    "Milestones",
    "Opportunities",
    "Population",
    "PricePlan",
    "PriceRise",
    "RateShift",
    "Refunds",
    "Renewal",
    "SaasDependence",
    "SalesPromotion",
    "SimulatedAction",
    "SimulatedSaasConfig",
    "SimulatedSeason",
    "SimulatedShopConfig",
    "Spend",
    "Surveys",
    "Tickets",
    "TouchChannel",
]
