"""The demo's scores are those of the edition that was frozen (``tests/frozen/README.md``): every tenth customer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

FROZEN = Path(__file__).resolve().parents[1] / "frozen" / "demo_scores.parquet"


def test_the_demo_gives_the_frozen_scores(demo: tuple[Path, str]) -> None:
    store = demo[0] / "demo" / "scores"
    found = pd.read_parquet(store / (store / "current").read_text().strip() / "part-0.parquet")
    found = found.sort_values("customer_id", ignore_index=True).iloc[::10].reset_index(drop=True)
    frozen = pd.read_parquet(FROZEN)
    assert len(frozen) > 300
    assert list(found["customer_id"]) == list(frozen["customer_id"])
    compared = [str(name) for name in frozen if name != "reasons" and not str(name).endswith("_version")]
    assert set(compared) <= set(found)
    different = []
    for name in compared:
        if frozen[name].dtype.kind == "f":
            same = np.isclose(found[name], frozen[name], rtol=1e-9, atol=1e-12, equal_nan=True)
        else:
            same = ((found[name] == frozen[name]) | (found[name].isna() & frozen[name].isna())).to_numpy(dtype=bool)
        if not same.all():
            place = int(np.argmin(same))
            pair = f"{frozen[name].iloc[place]!r} != {found[name].iloc[place]!r}"
            different.append(f"{name}: {(~same).sum()} customers, such as {frozen['customer_id'].iloc[place]}: {pair}")
    assert different == []
