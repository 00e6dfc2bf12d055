"""How a difference is shared among the few inputs that make it, exactly."""

from __future__ import annotations

from math import comb
from typing import Final

import numpy as np

from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.core.errors import UsageError

#: 2^k coalitions are asked.
MOST_PLAYERS: Final = 12


def coalitions(players: int) -> Flags:
    """Every set of players, (2^k, k); row i holds player j where bit j of i is set.

    Raises
    ------
    UsageError
        With more players than can be enumerated.
    """
    if not 0 <= players <= MOST_PLAYERS:
        raise UsageError(f"{players} inputs cannot be shared exactly: give at most {MOST_PLAYERS}")
    return np.asarray((np.arange(2**players)[:, None] >> np.arange(players)) & 1, dtype=bool)


def shapley_values(worth: Floats) -> Floats:
    """The Shapley value of each player (k,): the only shares that are efficient, symmetric, linear and give dummies 0.

    phi_j = sum over S without j of |S|! (k - |S| - 1)! / k! (v(S + j) - v(S)) (Shapley 1953, A value for n-person
    games, eq. (12)). They add up to v(all) - v(none).

    Parameters
    ----------
    worth:
        v of each row of ``coalitions(k)`` (2^k,).

    Examples
    --------
    >>> shapley_values(np.array([0.0, 10.0, 0.0, 30.0])).tolist()  # the second is worth 20 beside the first alone
    [20.0, 10.0]
    """
    players = len(worth).bit_length() - 1
    inside = coalitions(players)
    size = inside.sum(axis=1)
    shares = np.empty(players)
    for player in range(players):
        without = np.flatnonzero(~inside[:, player])
        weight = np.array([1.0 / (players * comb(players - 1, int(n))) for n in size[without]])
        shares[player] = weight @ (worth[without + (1 << player)] - worth[without])
    return shares
