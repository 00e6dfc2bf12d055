"""``python -m training clv churn --shop shop.yaml --as-of 2024-06-01``: the jobs without the command line ``cvo``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import CvoError
from cvo_ml.core.models import MODEL_NAMES
from cvo_ml.core.terminal_text import escaped
from cvo_ml.core.units import parse_as_of
from cvo_ml.core.workspace import Workspace
from cvo_ml.registry.tracking.promotion import When
from cvo_ml.workflows.train import Trainer, TrainRequest, train
from training import jobs

TRAINER: Trainer = jobs


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and print what became of each model as JSON; the exit code of a named failure, else 0."""
    options = _options().parse_args(arguments)
    workspace = Workspace(options.mlruns.parent / "out", options.mlruns, options.configs, options.models)
    try:
        request = TrainRequest(
            names=tuple(options.names),
            shop=load_config(options.shop, ShopConfig),
            as_of=parse_as_of(options.as_of),
            overrides=tuple(options.set),
            promote=options.promote,
            tune=options.tune,
        )
        print(json.dumps(train(request, workspace, TRAINER).to_json(), indent=2))
    except CvoError as error:
        print(escaped(str(error), keep="\n"), file=sys.stderr)
        return error.exit_code
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("names", nargs="+", choices=MODEL_NAMES)
    parser.add_argument("--shop", type=Path, required=True, help="a shop's YAML file")
    parser.add_argument("--as-of", required=True, help="the cut date, YYYY-MM-DD: nothing later is read")
    parser.add_argument("--tune", help="search churn trees first: a number of trials, or minutes such as 10min")
    parser.add_argument("--mlruns", type=Path, default=Path("mlruns"))
    parser.add_argument("--configs", type=Path, default=Path("configs"), help="own configuration")
    parser.add_argument("--models", type=Path, default=Path("models"), help="own gates")
    parser.add_argument("--promote", choices=get_args(When), default="never", help="what a challenger does next")
    parser.add_argument("--set", action="append", default=[], help="such as churn.horizon=60D")
    return parser


if __name__ == "__main__":
    sys.exit(main())
