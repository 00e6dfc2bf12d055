"""Presets by name: configs/simulate/*.yaml."""

from __future__ import annotations

from pathlib import Path

from cvo_ml.config.loader import config_dir, default_config, load_config
from cvo_ml.config.simulation import SimulatedSaasConfig, SimulatedShopConfig
from cvo_ml.core.errors import ConfigError, nearest_name

SAAS_PREFIX = "saas"


def preset_names(kind: str, own: Path | None = None) -> list[str]:
    """Names of all presets of a ``kind`` (shop or saas), those of an own configuration folder among them."""
    folders = [config_dir(), *([] if own is None else [own])]
    names = {path.stem for folder in folders for path in (folder / "simulate").glob("*.yaml")}
    return sorted(name for name in names if name.startswith(SAAS_PREFIX) == (kind == "saas"))


def shop_preset(name: str, overrides: tuple[str, ...] = (), own: Path | None = None) -> SimulatedShopConfig:
    """The shop preset called ``name``, with ``--set`` style overrides such as ``margin.mean=0.4``.

    Raises
    ------
    ConfigError
        If there is no such preset, or the file or an override is wrong.
    """
    return load_config(_path("shop", name, own), SimulatedShopConfig, overrides)


def saas_preset(name: str, overrides: tuple[str, ...] = (), own: Path | None = None) -> SimulatedSaasConfig:
    """The software vendor preset called ``name``; see ``shop_preset``."""
    return load_config(_path("saas", name, own), SimulatedSaasConfig, overrides)


def _path(kind: str, name: str, own: Path | None) -> Path:
    known = preset_names(kind, own)
    if name not in known:
        hint = nearest_name(name, known)
        raise ConfigError(f"there is no {kind} preset {name!r}{hint}: use one of {', '.join(known)}")
    return default_config(f"simulate/{name}.yaml", own)
