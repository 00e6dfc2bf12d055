"""The job of each registered model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from training.churn.fit import train_churn
from training.clv.fit import train_clv
from training.evidence.result import Trained
from training.icp.fit_customers import train_icp

#: Name to ``train(tables, as_of, job, minima)``, each with its own schema of a job and of minima.
TRAINERS: Final[Mapping[str, Callable[..., Trained]]] = {"clv": train_clv, "churn": train_churn, "icp": train_icp}
