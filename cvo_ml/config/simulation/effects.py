"""Effects by name, and how each is switched off: its tables stay, and hold nothing to be found.

``without: [toxic_products]`` in a preset (or ``--set without=[toxic_products]``) gives the shop in which a good
analysis finds no toxic product; with ``draws: by_customer`` all else is row by row as before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from cvo_ml.config.simulation.saas import SimulatedSaasConfig
from cvo_ml.config.simulation.shop import SimulatedShopConfig

Model = TypeVar("Model", bound=BaseModel)
Config = TypeVar("Config", SimulatedShopConfig, SimulatedSaasConfig)


def switched_off(config: Config) -> Config:
    """The preset with every effect of its ``without`` at its neutral value.

    Examples
    --------
    >>> from cvo_ml.simulate import shop_preset
    >>> switched_off(shop_preset("shop", ("without=[loyal_cities]",))).cities[2].loyalty
    1.0
    """
    for effect in config.without:
        config = NEUTRAL[effect](config)
    return config


def _part(name: str, **neutral: object) -> Callable[[Any], Any]:
    """Sets fields of one section, or of each of several; an absent section stays absent."""

    def change(config: Any) -> Any:
        section = getattr(config, name)
        if section is None:
            return config
        parts = tuple(_with(part, **neutral) for part in section) if isinstance(section, tuple) else None
        return _with(config, **{name: _with(section, **neutral) if parts is None else parts})

    return change


def _with(model: Model, **values: object) -> Model:
    return model.model_copy(update=values)


def _treatments(config: SimulatedShopConfig) -> SimulatedShopConfig:
    """Actions are sent, and nobody does anything else for it."""
    if config.campaigns is None:
        return config
    nothing = {"mean": 0.0, "sd": 0.0, "discount": 0.0}
    actions = tuple(_with(action, **nothing) for action in config.campaigns.actions)
    return _with(config, campaigns=_with(config.campaigns, actions=actions))


def _level_shifts(config: SimulatedShopConfig) -> SimulatedShopConfig:
    shifts = tuple(_with(shift, factor=1.0) for shift in config.season.shifts)
    return _with(config, season=_with(config.season, shifts=shifts))


def _promotions(config: SimulatedShopConfig) -> SimulatedShopConfig:
    """They run, and nobody buys sooner for them."""
    promotions = tuple(_with(promotion, lift=1.0) for promotion in config.season.promotions)
    return _with(config, season=_with(config.season, promotions=promotions))


def _satisfaction(config: Config) -> Config:
    """Answers say nothing about staying."""
    if isinstance(config, SimulatedSaasConfig):
        return _with(config, survey_link=0.0)
    return config if config.surveys is None else _with(config, surveys=_with(config.surveys, link=0.0))


def _part_worths(config: SimulatedSaasConfig) -> SimulatedSaasConfig:
    """All levels are worth the same; a price still is one."""
    if config.conjoint is None:
        return config
    none = {name: dict.fromkeys(worths, 0.0) for name, worths in config.conjoint.part_worths.items()}
    return _with(config, conjoint=_with(config.conjoint, part_worths=none))


#: How each effect of a shop or a vendor (``ShopEffect``, ``SaasEffect``) is switched off.
NEUTRAL: Final[Mapping[str, Callable[[Any], Any]]] = {
    "toxic_products": _part("catalogue", toxic_dropout=0.0),
    "sticky_products": _part("catalogue", sticky_loyalty=1.0),
    "loyal_cities": _part("cities", loyalty=1.0),
    "loyal_campaigns": _part("channels", campaign_loyalty={}),
    "late_deliveries": _part("deliveries", points_per_day=0.0, leave_per_point=0.0),
    "leaving_after_delays": _part("deliveries", leave_per_point=0.0),
    "pages": _part("pages", keeps=0.0),
    "touches": _part("touchpoints", causes=0.0),
    "treatments": _treatments,
    "season": _part("season", yearly_amplitude=0.0, value_amplitude=0.0),
    "promotions": _promotions,
    "level_shifts": _level_shifts,
    "loss_makers": _part("loss_makers", share=0.0),
    "demanding_customers": _part("tickets", demanding=None),
    "willing_referrers": _part("referrals", willingness=0.0),
    "product_quality": _part("reviews", quality_sd=0.0, toxic_stars=0.0, sticky_stars=0.0),
    "satisfaction": _satisfaction,
    "milestones": _part("milestones", effect_on_churn=0.0),
    "features": _part("features", keeps=0.0),
    "failed_payments": _part("payments", recover_share=1.0),
    "price_rises": _part("price_rises", churn_factor=1.0),
    "usage": lambda config: _with(config, usage_link=0.0),
    "contact_selection": _part("contact", selection=0.0),
    "part_worths": _part_worths,
}
