"""What a challenger must reach before it takes the champion's place (``models/<name>/gates.yaml``)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, model_validator

from cvo_ml.config.base import FrozenConfig, PositiveCount, Share
from cvo_ml.config.loader import config_dir, load_config
from cvo_ml.core.paths import inside

FILE: Final = "gates.yaml"


class Gates(FrozenConfig):
    """Thresholds that people own; every one must be met.

    Parameters
    ----------
    window_rows:
        Fewest customers in the window that judges.
    improvement:
        The 95 % lower bound of the relative improvement of the model's measure must not lie below this.
    profit:
        As ``improvement``, for the profit of decisions, as a share of the champion's.
    slices:
        On no slice may the 95 % upper bound of the improvement lie below this.
    calibration_slope:
        The 95 % interval of the slope must meet this range; None where the model has no slope.
    score_shift:
        The population stability index of today's scores against the champion's must be below this.
    scored:
        Smallest share of the eligible customers with a score.
    """

    window_rows: PositiveCount = 100
    improvement: float = -0.02
    profit: float = -0.02
    slices: float = -0.02
    calibration_slope: tuple[float, float] | None = (0.9, 1.1)
    score_shift: Annotated[float, Field(gt=0)] = 0.2
    scored: Share = 0.999

    @model_validator(mode="after")
    def _range(self) -> Gates:
        if self.calibration_slope is not None and not self.calibration_slope[0] < self.calibration_slope[1]:
            raise ValueError("calibration_slope needs a lower and an upper end")
        return self


def gates_file(name: str, dossiers: Path | None = None) -> Path:
    """The thresholds of a model: ``<dossiers>/<name>/gates.yaml``, else those that come with the package."""
    if dossiers is not None and (own := inside(dossiers, name, FILE)).is_file():
        return own
    packaged = config_dir() / "gates" / f"{name}.yaml"
    return packaged if packaged.is_file() else config_dir().parent / "models" / name / FILE


def load_gates(name: str, path: Path | None = None, dossiers: Path | None = None) -> Gates:
    """The thresholds of a model.

    Parameters
    ----------
    path:
        This very file, instead.
    dossiers:
        A folder of own thresholds that come before the packaged ones (``Workspace.dossiers``).

    Raises
    ------
    ConfigError
        If the file is missing or wrong.
    """
    return load_config(path or gates_file(name, dossiers), Gates)
