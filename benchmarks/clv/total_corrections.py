"""Corrections of the total that know only what was before the cut: do they bring BG/NBD nearer to what came?

    CVO_DATA=… python benchmarks/clv/total_corrections.py

Each shop is cut at 60, 80 and 100 % of its calibration period. Corrections, as factors on BG/NBD's total:

* rolling origin: actual over expected in an inner window (the last quarter or half before the cut), by a fit before it;
* tracking ratio: actual over expected repeat purchases in the last weeks before the cut, by the fit itself;
* persistence is no factor: the repeat purchases of the last eight weeks, at the same pace.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.clv.holdout import RAW, markdown, split
from cvo_ml.models.clv import BetaGeoModel
from cvo_ml.models.clv.tracking import track

CUTS, INNER, WEEKS, PERSISTENT = (0.6, 0.8, 1.0), (0.25, 0.5), (4, 8, 13), 8


def totals(lines: pd.DataFrame, end: pd.Timestamp, days: int) -> tuple[BetaGeoModel, float, float]:
    """The fit before ``end``, the total that it expects in the ``days`` after, and what came."""
    shop = split("", lines, str(end.date()), days, with_inner=False)
    model = BetaGeoModel().fit(shop.table)
    return model, float(model.expected_purchases(shop.table, shop.horizon).sum()), float(shop.table["future"].sum())


def biases(lines: pd.DataFrame, end: pd.Timestamp, days: int) -> dict[str, float]:
    """Total bias of BG/NBD and of each correction."""
    start = lines["date"].min()
    model, expected, came = totals(lines, end, days)
    found = {"BG/NBD": expected}
    for share in INNER:
        inner = int((end - start).days * share)
        _, then_expected, then_came = totals(lines, end - pd.Timedelta(days=inner), inner)
        found[f"rolling origin, {share:.0%}"] = expected * then_came / then_expected
    seen = lines[lines["date"] <= end].drop_duplicates(["customer_id", "date"])
    day, first = (seen["date"] - start).dt.days, seen.groupby("customer_id")["date"].transform("min")
    born, repeats = (day[rows].to_numpy(dtype=np.intp) for rows in (seen["date"] == first, seen["date"] > first))
    length = (end - start).days + 1
    weekly = track(born, repeats, model.expected_curve_new, cut_day=length, days=length)
    for weeks in WEEKS:
        ratio = weekly.actual[-weeks:].sum() / weekly.expected[-weeks:].sum()
        found[f"tracking ratio, {weeks} weeks"] = expected * ratio
    found["persistence"] = weekly.actual[-PERSISTENT:].sum() / (7 * PERSISTENT) * days
    return {name: total / came - 1 for name, total in found.items()}


def rows() -> Iterator[dict[str, object]]:
    """A line per shop and cut, then the mean absolute bias over all."""
    every = []
    for read in RAW.values():
        name, lines, cut, days = read()
        start = lines["date"].min()
        for share in CUTS:
            end = start + pd.Timedelta(days=int((pd.Timestamp(cut) - start).days * share))
            found = biases(lines, end, min(days, (lines["date"].max() - end).days))
            every.append(found)
            yield {"shop": name, "cut after": end.date(), **{key: f"{value:+.1%}" for key, value in found.items()}}
    mean = pd.DataFrame(every).abs().mean()
    yield {"shop": "mean absolute", **{str(key): f"{value:.1%}" for key, value in mean.items()}}


if __name__ == "__main__":
    print(markdown(list(rows())))
