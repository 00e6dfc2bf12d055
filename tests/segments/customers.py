"""Customers for tests of segments: R in days, F in orders, M in money."""

from __future__ import annotations

import pandas as pd
from hypothesis import strategies as st

from cvo_ml.config.segments import FrequencyCuts, MonetaryCuts, RecencyCuts, SegmentPolicy


def rfm(*rows: tuple[float, float, float]) -> pd.DataFrame:
    """R in days, F in orders, M in money; customers c000, c001, ..."""
    index = pd.Index([f"c{number:03}" for number in range(len(rows))], dtype="str")
    columns = ["days_since_last_order", "number_of_orders", "net_value"]
    return pd.DataFrame(rows, columns=columns, index=index, dtype=float)


#: With a typical gap, so that every method of cutting applies.
CUSTOMERS = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 9), st.integers(-50, 500)), min_size=1, max_size=30
).map(lambda rows: rfm(*rows).assign(mean_gap_days=25.0))

POLICIES = st.sampled_from(
    [
        SegmentPolicy(),
        SegmentPolicy(scale=4),
        SegmentPolicy(scale=5, vocabulary="reveal"),
        SegmentPolicy(recency=RecencyCuts(method="gap_multiple", at=(1, 3))),
        SegmentPolicy(
            recency=RecencyCuts(method="fixed", at=(30, 90, 180)),
            frequency=FrequencyCuts(method="fixed", at=(2, 4, 6)),
            monetary=MonetaryCuts(method="fixed", at=(20, 100, 250)),
        ),
    ]
)
