"""Schemas of the simulator's presets (configs/simulate/*.yaml): what is drawn, from which distribution.

Rates and dropout are written in the preset's ``time_unit``, as the literature does; everything
else is in days. An optional section that is absent switches its behaviour off.
"""

from cvo_ml.config.simulation.laws import (
    Beta,
    Dependence,
    Dependences,
    Dropout,
    Gamma,
    Opportunities,
    Population,
    Renewal,
    Spend,
)
from cvo_ml.config.simulation.saas import (
    Contact,
    Milestones,
    Plan,
    PriceRise,
    SaasConfig,
    SaasDependence,
)
from cvo_ml.config.simulation.sections import (
    Action,
    Campaigns,
    Catalogue,
    Channel,
    City,
    CostsToServe,
    Defects,
    Margin,
    Promotion,
    RateShift,
    Refunds,
    Season,
    Surveys,
    Tickets,
    TouchChannel,
)
from cvo_ml.config.simulation.shop import (
    ShopConfig,
)

__all__ = [
    "Action",
    "Beta",
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
    "Gamma",
    "Margin",
    "Milestones",
    "Opportunities",
    "Plan",
    "Population",
    "PriceRise",
    "Promotion",
    "RateShift",
    "Refunds",
    "Renewal",
    "SaasConfig",
    "SaasDependence",
    "Season",
    "ShopConfig",
    "Spend",
    "Surveys",
    "Tickets",
    "TouchChannel",
]
