"""What a prediction earns when it decides whom to act on."""

from __future__ import annotations

import numpy as np

from cvo_ml.core.arrays import Floats


def decision_profit(predicted: Floats, actual: Floats, *, effect: float, cost: float) -> Floats:
    """Profit of each row (n,) when the action is taken wherever the prediction promises more than it costs.

    ``1[effect x predicted > cost] x (effect x actual - cost)``: cost-sensitive decisions with an example-dependent gain
    (Elkan 2001; Bahnsen et al. 2015). The effect is the same for all: two predictions differ by whom they pick.

    Parameters
    ----------
    predicted:
        What the prediction says is to be gained or saved, (n,), currency.
    actual:
        What there really was to gain or save, (n,), currency.
    effect:
        Share of it that the action gains or saves, in [0, 1].
    cost:
        Of one action, currency, >= 0.

    Examples
    --------
    >>> decision_profit(np.array([100., 100., 1.]), np.array([80., 0., 50.]), effect=.1, cost=2.)
    array([ 6., -2.,  0.])
    """
    return np.where(effect * predicted > cost, effect * actual - cost, 0.0)
