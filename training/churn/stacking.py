"""What joins the trees, decided on windows that they did not see: a model of purchases, and the season of the date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np
from scipy.special import logit

from cvo_ml.config.churn import Use
from cvo_ml.core.arrays import Floats
from cvo_ml.core.result import Json
from cvo_ml.models.churn import P_NO_ORDER, Season, Stack
from cvo_ml.stats.calibration import clip_probability, log_loss
from training.churn.dataset import ChurnWindow, Model, raw_of, stacked
from training.churn.sections import CalibrationSpec, DatasetSpec

#: The weight of the model of purchases. A weight fitted on earlier windows did worse out of time on each shop tried:
#: it follows the level of the season that it was fitted on (docs/churn.md).
STACKED: Final = 0.25
#: The definition whose outcome a model of purchases speaks of.
STACKABLE: Final = "no_order_within_horizon"
#: A wave is learnt from windows that stand in every month.
EVERY_MONTH: Final = timedelta(days=360)


@dataclass(frozen=True)
class Fold:
    """A window with a model that learnt only from windows that were closed when it began.

    Parameters
    ----------
    trees:
        (n,) the probabilities of its trees alone.
    season:
        The wave in what the trees missed in the windows that they learnt from; None where these span no year.
    """

    window: ChurnWindow
    model: Model
    trees: Floats
    season: Season | None = None

    @property
    def has_purchases(self) -> bool:
        """Whether a model of purchases was fitted when the window began."""
        return self.window.purchases is not None and has_btyd(self.window)

    def raw(self, joined: Stack) -> Floats:
        """The probabilities before calibration if so much joins the trees, with the fold's own wave, (n,)."""
        own = replace(joined, season=self.season if joined.season else None)
        return own.apply(self.trees, self.window.X)

    def probability(self) -> Floats:
        """What the fold's own model says of the window, (n,)."""
        return self.model.calibration_.apply(self.model.stack_.apply(self.trees, self.window.X))


@dataclass(frozen=True)
class Tried:
    """What something that may join the trees did in windows that it did not see.

    Parameters
    ----------
    losses:
        Mean log loss of the trees alone, and with it; NaN where no window tells.
    """

    losses: Mapping[str, float]
    windows: int
    used: bool

    def to_json(self) -> dict[str, Json]:
        """The losses by name, which hold no NaN, and the rest."""
        known = {name: loss for name, loss in self.losses.items() if np.isfinite(loss)}
        return {**known, "windows": self.windows, "used": self.used}


def season_of(model: Model, windows: Sequence[ChurnWindow], data: DatasetSpec, use: Use) -> Season | None:
    """The wave in what the model's trees miss in the windows that they learnt from; None where these span no year."""
    if data.season or use == "never":
        return None
    if windows[-1].day - windows[0].day + data.every.delta < EVERY_MONTH:
        return None
    X, y = stacked(windows)
    return Season.fit(X, y, np.concatenate([raw_of(model, window) for window in windows]))


def composed(
    later: Sequence[Fold], season: Season | None, spec: CalibrationSpec, has_purchases: bool
) -> tuple[Stack, dict[str, Tried]]:
    """What joins the trees of a model, and the log loss of the folds' windows with and without it.

    Parameters
    ----------
    later:
        Folds whose outcomes were known when the model was made.
    season:
        The model's own wave.
    has_purchases:
        Whether a model of purchases is there to be carried.
    """
    plain = Stack()
    wave = replace(plain, season=season)
    seen = [fold for fold in later if fold.season is not None]
    with_season = {"trees": mean_loss(seen, plain), "season": mean_loss(seen, wave)}
    if season is None or not wins(spec.season_level, with_season, "season", unseen=False):
        wave = plain
    tried = {"season": Tried(with_season, len(seen), wave.season is not None)}
    known = [fold for fold in later if fold.has_purchases]
    stack = replace(wave, weight=STACKED, typical=typical(known))
    with_stack = {"trees": mean_loss(known, wave), "stack": mean_loss(known, stack)}
    # better on average on each shop tried (docs/churn.md): it stays unless this shop's own windows speak against it
    used = has_purchases and spec.definition == STACKABLE and wins(spec.stack, with_stack, "stack", unseen=True)
    tried["stack"] = Tried(with_stack, len(known), used)
    return stack if used else wave, tried


def wins(use: Use, losses: Mapping[str, float], name: str, *, unseen: bool) -> bool:
    """Whether what is called ``name`` is used: as the job says, else by the log loss of the windows.

    Parameters
    ----------
    unseen:
        What holds where no window tells: both losses are NaN.
    """
    if use != "auto" or np.isnan(losses[name]):
        return use == "always" or (use == "auto" and unseen)
    return losses[name] < losses["trees"]


def mean_loss(folds: Sequence[Fold], joined: Stack) -> float:
    """The mean log loss of all rows; NaN without any, which wins nothing."""
    losses = [log_loss(fold.window.churned, fold.raw(joined)) for fold in folds]
    return float(np.concatenate(losses).mean()) if losses else float("nan")


def typical(folds: Sequence[Fold]) -> float:
    """The mean log-odds of P(no order), 0 without any."""
    values = [fold.window.X[P_NO_ORDER].to_numpy(dtype=np.float64) for fold in folds]
    return float(logit(clip_probability(np.concatenate(values))).mean()) if values else 0.0


def has_btyd(window: ChurnWindow) -> bool:
    """Whether a model of purchases held for the window's customers."""
    return len(window) > 0 and P_NO_ORDER in window.X and bool(window.X[P_NO_ORDER].notna().all())
