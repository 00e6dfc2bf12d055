"""The lookalike job out of time: public shops from the first order alone, a simulated shop against what is true.

    CVO_DATA=… python benchmarks/icp/out_of_time.py [NAME ...]

Names: online_retail, completejourney, shop. Lift is that of the top decile, with its interval; on the simulated shop
also against the true expected value of everybody who came later. Leads: see asked.py.
"""

from __future__ import annotations

import sys
from datetime import date

from cvo_ml.config.jobs import IcpJob
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.units import Horizon
from cvo_ml.ingest import read_shop, sample_shop
from cvo_ml.simulate import simulate_shop
from cvo_ml.stats.ranking import auc, lift
from training.evidence.result import Trained
from training.icp import fit_customers
from training.icp.sections import sections_of

SHOPS = {"online_retail": date(2011, 12, 9), "completejourney": date(2017, 12, 31)}


def line(name: str, found: Trained, baseline: str) -> None:
    """One row of the table."""
    m = found.metrics
    interval = f"{m['model_lift_top_decile']:.2f} [{m['model_lift_top_decile_lower']:.2f}, "
    interval += f"{m['model_lift_top_decile_upper']:.2f}]"
    rivals = ", ".join(
        f"{key.removesuffix('_lift_top_decile')} {value:.2f}"
        for key, value in m.items() if key.endswith("_lift_top_decile") and not key.startswith(("model", "known"))
    )  # fmt: skip
    learnt = f"label: {found.parameters['label']}, {found.parameters['training_positives']} to learn from"
    print(f"{name}: grade {found.bundle.grade}, AUC {m['model_auc']:.3f}, lift {interval}; {rivals} ({baseline}); "
          f"{learnt}", flush=True)  # fmt: skip


def public(name: str) -> None:
    """A public shop, from the first order."""
    config = sample_shop() if name == "online_retail" else load_config(default_config(f"shops/{name}.yaml"), ShopConfig)
    for age in ("60D", "90D"):
        tables = read_shop(config, as_of=SHOPS[name]).tables
        try:
            line(
                f"{name} {age}",
                fit_customers.train_icp(tables, SHOPS[name], IcpJob(age=Horizon(age))),
                "first order value",
            )
        except ModelRefused as refused:
            print(f"{name} {age}: {refused}", flush=True)


def shop(seed: int) -> None:
    """A simulated shop against the true expected value of newcomers after their first order."""
    world = simulate_shop(
        "shop", 8000, seed, tables=("orders", "refunds", "order_lines", "customers", "costs_to_serve")
    )
    day, job = date(2023, 6, 1), IcpJob()
    sections = sections_of(job)
    customers = sections.customers
    line(f"shop, seed {seed}", fit_customers.train_icp(world.tables, day, job), "first order value")
    train, test = fit_customers.split_in_time(fit_customers.labelled(world.tables, day, customers), customers)
    true = world.truth.expected_value_of_newcomers(job.age)
    per_order = world.truth.customers.set_index("customer_id")["value_per_order_contribution"]
    later = true.reindex(test.index) - per_order.reindex(test.index)
    top = (later > later.quantile(1 - job.top_share)).to_numpy()
    ours = fit_customers.fit(train, sections.learning).predict_proba(test)[:, 1]
    first = test["first_order_value"].to_numpy()
    print(f"  against the truth: AUC {auc(top, ours):.3f} against {auc(top, first):.3f} (first order value); "
          f"lift {lift(top, ours):.2f} against {lift(top, first):.2f}", flush=True)  # fmt: skip


def main() -> None:
    """Run the named cases, all by default."""
    for name in sys.argv[1:] or [*SHOPS, "shop"]:
        if name in SHOPS:
            public(name)
        else:
            for seed in (1, 2):
                shop(seed)


if __name__ == "__main__":
    main()
