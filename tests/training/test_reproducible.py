"""The same rows give the same model in another process, to the bit; another row gives another model."""

from __future__ import annotations

import json
import os
import subprocess
import sys

PROGRAM = """
import json, sys
import pandas as pd
from cvo_ml.config.jobs import ChurnJob, ClvJob, IcpJob
from cvo_ml.core.units import Horizon
from tests.builders import SHOP_CUT, Tables, seeded_shop
from training.churn import train_churn
from training.clv import train_clv
from training.icp import train_icp

H, small = Horizon("60D"), {"rounds": 5}
def hashes(shop):
    clv = ClvJob(horizon=H, validation_horizon=H, oracle_customers=0, hybrid={"enabled": False})
    icp = IcpJob(age=Horizon("30D"), top_share=0.3, trees=small)
    found = train_clv(shop, SHOP_CUT, clv), train_churn(shop, SHOP_CUT, ChurnJob(horizon=H, trees=small)), \\
        train_icp(shop, SHOP_CUT, icp)
    return [trained.bundle.model_hash for trained in found]

shop = seeded_shop(600)
told = {"same": hashes(shop)}
if sys.argv[1:] == ["changed"]:
    # the first order of a customer who bought again: its day and its value
    orders = shop.orders.copy()
    days = orders.groupby("customer_id")["ordered_at"]
    first = orders["ordered_at"] == days.transform("min")
    early = orders["ordered_at"].between("2023-03-01", "2023-04-01") & (days.transform("size") > 2)
    row = orders.index[first & early][0]
    orders.loc[row, "net"] = orders.loc[row, "net"] * 3 + 100
    orders.loc[row, "ordered_at"] -= pd.Timedelta(days=5)
    told["changed"] = hashes(Tables({**shop.frames, "orders": orders}, shop.currency))
print(json.dumps(told))
"""


def told(seed: str, *arguments: str) -> dict[str, list[str]]:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_two_processes_train_the_same_models_and_a_changed_row_another_of_each() -> None:
    first, second = told("1"), told("2", "changed")
    assert first["same"] == second["same"]
    assert all(old != new for old, new in zip(second["same"], second["changed"], strict=True))
