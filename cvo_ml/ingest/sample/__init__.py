"""Sample data that comes with the package: UCI Online Retail, all 541,909 rows."""

from __future__ import annotations

from cvo_ml.config.loader import config_dir, load_config
from cvo_ml.config.shops import ShopConfig


def sample_shop() -> ShopConfig:
    """The shop of the sample data: a UK gift wholesaler, 2010-12-01 to 2011-12-09, in GBP.

    Examples
    --------
    >>> sample_shop().name
    'online_retail'
    """
    return load_config(config_dir() / "shops" / "online_retail.yaml", ShopConfig)
