"""What the vendor means to do and to reach, with the true value of each."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from cvo_ml.config.simulation import Initiative, SimulatedSaasConfig
from cvo_ml.simulate.columns import Columns, ids
from cvo_ml.simulate.random_streams import Block


def initiative_columns(initiatives: tuple[Initiative, ...]) -> Columns:
    """The table ``initiatives``: what was said of each."""
    low, high = (np.array([getattr(one, name) for one in initiatives]) for name in ("value_low", "value_high"))
    return {
        "initiative_id": ids("n###", np.arange(len(initiatives))),
        "name": pa.array([one.name for one in initiatives], pa.large_string()),
        "effort": np.array([one.effort for one in initiatives]),
        "value": (low + high) / 2,
        "value_low": low,
        "value_high": high,
        "review_due": np.array([_day(one.review_due) for one in initiatives], "datetime64[us]"),
    }


def true_initiative_columns(initiatives: tuple[Initiative, ...]) -> Columns:
    """Truth: what each is worth."""
    return {
        "initiative_id": ids("n###", np.arange(len(initiatives))),
        "true_value": np.array([one.true_value for one in initiatives]),
    }


def okr_columns(config: SimulatedSaasConfig, block: Block) -> Columns:
    """The table ``okrs``: monthly measures on the way to each key result's true value, with noise.

    value at t = base + (true value - base) x share of the time gone + noise x |target - base| x normal.
    """
    results = config.key_results
    rows = [
        (number, month)
        for number, result in enumerate(results)
        for month in np.arange(np.datetime64(result.starts_at, "M"), np.datetime64(result.ends_at, "M"))
    ]
    number = np.array([row[0] for row in rows], np.int64)
    month = np.array([row[1] for row in rows], "datetime64[M]")
    measured = (month + 1).astype("datetime64[D]")
    base, target, true, noise = (
        np.array([getattr(result, name) for result in results])[number]
        for name in ("base", "target", "true_value", "noise")
    )
    starts, ends = (
        np.array([getattr(result, name) for result in results], "datetime64[D]")[number]
        for name in ("starts_at", "ends_at")
    )
    gone = (measured - starts) / (ends - starts)
    error = block.keyed("key results", number, month.astype(np.int64)).normal()
    value = base + (true - base) * gone + noise * np.abs(target - base) * error
    keep = np.flatnonzero(measured < np.datetime64(config.end))
    texts = {name: np.array([getattr(r, name) for r in results], object)[number[keep]] for name in TEXTS}
    return {
        "key_result_id": ids("k###", number[keep]),
        "measured_at": measured[keep].astype("datetime64[us]"),
        "value": np.round(value[keep], 4),
        "base": base[keep],
        "target": target[keep],
        **{name: pa.array(values, pa.large_string()) for name, values in texts.items()},
        "starts_at": starts[keep].astype("datetime64[us]"),
        "ends_at": ends[keep].astype("datetime64[us]"),
    }


def true_okr_columns(config: SimulatedSaasConfig) -> Columns:
    """Truth: where each key result ends, and whether that is at or beyond its target."""
    results = config.key_results
    return {
        "key_result_id": ids("k###", np.arange(len(results))),
        "true_value": np.array([result.true_value for result in results]),
        "is_reached": np.array([result.is_reached for result in results]),
    }


TEXTS = ("objective", "key_result", "segment")


def _day(day: date | None) -> np.datetime64:
    return np.datetime64("NaT") if day is None else np.datetime64(day)
