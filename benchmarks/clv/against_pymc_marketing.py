"""BG/NBD fit with standard errors against pymc-marketing's MAP fit (which has none), as a ratio in one run.

    uv venv PEER && uv pip install --python PEER/bin/python pymc-marketing
    python benchmarks/clv/against_pymc_marketing.py --peer PEER/bin/python [--customers 100000]

pymc-marketing wants numba, which we do not install, so it runs in an environment of its own, as a child process on the
same file. Times are process CPU seconds (its compiler's children included): its first fit, as a user meets it, and the
median of its next three, with everything compiled. Ours is the median of seven; there is nothing to compile.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd

NAMES = ("r", "alpha", "a", "b")


def cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def peer(file: str) -> None:
    """Fit by MAP four times and print what each took."""
    import pymc_marketing
    from pymc_marketing.clv import BetaGeoModel

    X = pd.read_csv(file)
    seconds = []
    for _ in range(4):
        start = cpu()
        model = BetaGeoModel(X.assign(customer_id=np.arange(len(X))))
        model.fit(method="map", progressbar=False)
        seconds.append(cpu() - start)
    found = {name: float(model.fit_result[name].mean()) for name in NAMES}
    version = pymc_marketing.__version__
    print("\n" + json.dumps({"cpu": seconds, "params": found, "version": version}))


def main() -> None:
    """Run both and print the table as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--peer", type=Path, help="python of an environment with pymc-marketing")
    parser.add_argument("--file", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.file:
        peer(options.file)
        return
    if not options.peer:
        parser.error("--peer is missing: give the python of an environment with pymc-marketing")
    from benchmarks.clv.fit_and_predict import shop
    from benchmarks.measuring import median_cpu
    from cvo_ml.models.clv import BetaGeoModel, group_histories

    X = shop(options.customers)[["frequency", "recency", "T"]]
    ours, model = median_cpu(lambda: BetaGeoModel().fit(X), 7)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "customers.csv"
        X.to_csv(file, index=False)
        command = [str(options.peer), __file__, "--file", str(file)]
        own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        ran = subprocess.run(command, env=own, stdout=subprocess.PIPE, text=True, check=True)
    theirs = json.loads(ran.stdout.strip().splitlines()[-1])
    again = statistics.median(theirs["cpu"][1:])
    likelihood = model._likelihood(group_histories(*(X[c].to_numpy() for c in X)))
    gain = model.log_likelihood_ - likelihood(np.log([theirs["params"][name] for name in NAMES]))[0]
    table = {
        "customers": len(X),
        "ours_s": ours,
        "pymc_marketing_first_s": theirs["cpu"][0],
        "pymc_marketing_again_s": again,
        "ratio_first": theirs["cpu"][0] / ours,
        "ratio_again": again / ours,
        "log_likelihood_gain": gain,
        "ours": {"params": model.params_, "standard_errors": model.standard_errors_},
        "pymc_marketing": {"params": theirs["params"], "version": theirs["version"]},
    }
    json.dump(table, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
