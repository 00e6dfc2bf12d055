"""The least data that a model learns from where nobody says otherwise.

Estimators use these numbers as defaults, and so does the readiness policy. What the jobs refuse is decided by
``configs/policies/readiness.yaml``, which the readiness report and training both read.
"""

from __future__ import annotations

from typing import Final

#: Customers who bought again: fewer cannot carry a buy-till-you-die model or a model of their values.
REPEAT_CUSTOMERS: Final = 100
#: Customers who left, and customers who stayed: fewer of either cannot train a churn model.
CHURN_OUTCOMES: Final = 100
#: Most valuable customers: fewer cannot train a lookalike model.
ICP_POSITIVES: Final = 60
#: Lost leads: with fewer, losses do not count as recorded, and the lost look like those who were never asked.
ICP_LOSSES: Final = 30
