"""Where customers stand on a ladder of one's own, lowest rung first (methods K7)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cvo_ml.config.segments import Ladder
from cvo_ml.core.errors import ConfigError, nearest_name


def climb(features: pd.DataFrame, ladder: Ladder) -> pd.Series:
    """The highest rung whose conditions, and those of every rung below it, hold for each customer.

    Parameters
    ----------
    features:
        One row per customer with the columns that the rungs name; a null meets no condition.

    Raises
    ------
    ConfigError
        If a rung names a feature that is not there.

    Examples
    --------
    >>> from cvo_ml.config.segments import Rung
    >>> ladder = Ladder(name="mastery", rungs=(Rung(name="Padawan"), Rung(name="Master", at_least={"orders": 10})))
    >>> climb(pd.DataFrame({"orders": [1.0, 12.0]}), ladder).tolist()
    ['Padawan', 'Master']
    """
    height = np.zeros(len(features), dtype=np.int64)
    stands = np.ones(len(features), dtype=bool)
    for place, rung in enumerate(ladder.rungs):
        for name, least in rung.at_least.items():
            if name not in features:
                raise ConfigError(
                    f"ladder {ladder.name!r}, rung {rung.name!r}: there is no feature {name!r}"
                    f"{nearest_name(name, [str(column) for column in features.columns])}: see docs/features.md"
                )
            stands &= features[name].to_numpy(dtype=np.float64) >= least
        height[stands] = place
    names = pd.Index([rung.name for rung in ladder.rungs], dtype="str")
    return pd.Series(pd.Categorical.from_codes(height, categories=names, ordered=True), index=features.index)
