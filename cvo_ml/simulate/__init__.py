"""Shops and software vendors with known truth.

>>> from cvo_ml.simulate import simulate_shop
>>> shop = simulate_shop("cdnow", n_customers=200, seed=7)
>>> sorted(shop.tables.frames)
['customers', 'orders']
>>> value = shop.truth.expected_value("1998-01-01", "12M")
"""

from cvo_ml.config.simulation import Defects, SaasConfig, ShopConfig
from cvo_ml.simulate.folder import dirty_frames, read_saas, read_shop, write_saas, write_shop
from cvo_ml.simulate.presets import preset_names, saas_preset, shop_preset
from cvo_ml.simulate.saas.saas import SimulatedSaas, saas_world, simulate_saas
from cvo_ml.simulate.saas.truth import SaasTruth
from cvo_ml.simulate.shop.shop import SimulatedShop, shop_world, simulate_shop
from cvo_ml.simulate.shop.truth import ShopTruth

__all__ = [
    "Defects",
    "SaasConfig",
    "SaasTruth",
    "ShopConfig",
    "ShopTruth",
    "SimulatedSaas",
    "SimulatedShop",
    "dirty_frames",
    "preset_names",
    "read_saas",
    "read_shop",
    "saas_preset",
    "saas_world",
    "shop_preset",
    "shop_world",
    "simulate_saas",
    "simulate_shop",
    "write_saas",
    "write_shop",
]
