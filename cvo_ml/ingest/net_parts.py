"""The value of an order where its column holds what stands beside it too: less discount, shipping or tax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from cvo_ml.ingest.casts import Cast


def without_parts(casts: Mapping[str, Cast], parts: Sequence[str]) -> dict[str, Cast]:
    """``net`` less the amounts of other columns, whatever their sign; a row below zero comes nearer to zero too.

    Parameters
    ----------
    parts:
        Canonical columns; a row without one has none of it.
    """
    if not parts or "net" not in casts:
        return dict(casts)
    net = casts["net"].values.to_numpy(dtype=np.float64)
    values, counts = net.copy(), dict(casts["net"].counts)
    for name in parts:
        part = np.abs(np.nan_to_num(casts[name].values.to_numpy(dtype=np.float64)))
        values -= np.sign(net) * part
        if taken := int((part > 0).sum()):
            counts[f"amounts were read less their {name}"] = taken
    whole = casts["net"].values.copy()
    whole[:] = np.round(values, 6)
    return {**casts, "net": replace(casts["net"], values=whole, counts=counts)}
