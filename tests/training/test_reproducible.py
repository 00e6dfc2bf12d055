"""The same rows give the same model in another process, to the bit; another row gives another model."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import pandas as pd
import pytest

from cvo_ml.config.jobs import ChurnJob, ClvJob, IcpJob
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from tests.builders import SHOP_CUT, seeded_shop
from training.churn.fit import train_churn
from training.clv.fit import train_clv
from training.icp.fit_customers import train_icp

H, SMALL = Horizon("60D"), {"rounds": 5}
JOBS = {
    "clv": (train_clv, ClvJob(horizon=H, validation_horizon=H, oracle_customers=0, hybrid={"enabled": False})),
    "churn": (train_churn, ChurnJob(horizon=H, trees=SMALL, most_snapshots=4)),
    "icp": (train_icp, IcpJob(age=Horizon("30D"), top_share=0.3, trees=SMALL)),
}
CHILD = "import sys; from tests.training.test_reproducible import *; print(*hashes(shop(), sys.argv[1:]))"


def shop() -> Tables:
    return seeded_shop(600)


def changed(tables: Tables) -> Tables:
    """Another day and value of the first order of one customer who bought again, whose last order goes."""
    orders = tables.orders.copy()
    days = orders.groupby("customer_id")["ordered_at"]
    first = orders["ordered_at"] == days.transform("min")
    early = orders["ordered_at"].between("2023-03-01", "2023-04-01") & (days.transform("size") > 2)
    row = orders.index[first & early][0]
    orders.loc[row, "net"] = orders.loc[row, "net"] * 3 + 100
    orders.loc[row, "ordered_at"] -= pd.Timedelta(days=5)
    # a value alone may stay within its leaf: what the customer did last decides recency and outcome
    own = orders[(orders["customer_id"] == orders.loc[row, "customer_id"]) & (orders["ordered_at"] < "2023-10-01")]
    orders = orders.drop(index=own["ordered_at"].idxmax())
    return Tables({**tables.frames, "orders": orders}, tables.currency)


def hashes(tables: Tables, names: Sequence[str]) -> list[str]:
    return [train(tables, SHOP_CUT, job).bundle.model_hash for train, job in (JOBS[name] for name in names)]


@pytest.mark.parametrize("names", [("churn",), pytest.param(("clv", "icp"), marks=pytest.mark.slow)], ids="-".join)
def test_another_process_trains_the_same_model_and_a_changed_row_gives_another(names: tuple[str, ...]) -> None:
    here = hashes(shop(), names)
    command = [sys.executable, "-W", "ignore", "-c", CHILD, *names]
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-len(names) :] == here
    assert all(old != new for old, new in zip(here, hashes(changed(shop()), names), strict=True))
