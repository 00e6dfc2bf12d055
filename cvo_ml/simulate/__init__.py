"""Shops and software vendors with known truth.

>>> from cvo_ml.simulate import simulate_shop
>>> shop = simulate_shop("cdnow", n_customers=200, seed=7)
>>> sorted(shop.tables.frames)
['customers', 'orders']
>>> value = shop.truth.expected_value("1998-01-01", "12M")
"""

from cvo_ml.config.simulation import Defects, SimulatedSaasConfig, SimulatedShopConfig
from cvo_ml.simulate.folder import (
    SimulationManifest,
    dirty_frames,
    read_simulated_saas,
    read_simulated_shop,
    write_saas,
    write_shop,
)
from cvo_ml.simulate.presets import preset_names, saas_preset, shop_preset
from cvo_ml.simulate.saas.saas import SimulatedSaas, saas_simulation, simulate_saas
from cvo_ml.simulate.saas.truth import SaasTruth
from cvo_ml.simulate.shop.shop import SimulatedShop, shop_simulation, simulate_shop
from cvo_ml.simulate.shop.truth import ShopTruth

__all__ = [
    "Defects",
    "SaasTruth",
    "ShopTruth",
    "SimulatedSaas",
    "SimulatedSaasConfig",
    "SimulatedShop",
    "SimulatedShopConfig",
    "SimulationManifest",
    "dirty_frames",
    "preset_names",
    "read_simulated_saas",
    "read_simulated_shop",
    "saas_preset",
    "saas_simulation",
    "shop_preset",
    "shop_simulation",
    "simulate_saas",
    "simulate_shop",
    "write_saas",
    "write_shop",
]
