"""What customers met after their start, by hand."""

from __future__ import annotations

import pandas as pd

from cvo_ml.core.units import Horizon
from tests.builders import frame, shop_of
from training.icp.profile_features import life, life_of_leads

START = pd.Series(pd.to_datetime(["2024-01-01"] * 3), index=pd.Index(["a", "b", "c"], name="customer_id"))
MILESTONES = frame(
    "milestones",
    ["customer_id", "milestone", "reached_at"],
    [
        ("a", "connected", "2024-01-05"), ("a", "goal", "2024-02-20"),
        ("b", "connected", "2024-02-01"), ("b", "connected", "2024-02-09"), ("b", "goal", "2024-04-01"),
        ("c", "goal", "2023-12-31"),
    ],
)  # fmt: skip


def test_pace_and_tier_count_milestones_within_the_age() -> None:
    """methods E4: milestones per 90 days, and tiers from Padawan to Master."""
    shop = shop_of([("1", "a", "2024-01-01", 1.0)], milestones=MILESTONES)
    found, sections = life(shop, START, Horizon("60D"))
    assert found["milestones per 90 days"].to_dict() == {"a": 3.0, "b": 3.0, "c": 0.0}  # two within 60 days
    assert found["success tier"].to_dict() == {"a": "Master", "b": "Knight", "c": "Padawan"}
    assert found["milestones: goal"].to_dict() == {"a": True, "b": False, "c": False}
    assert {"milestones per 90 days", "success tier"} <= set(sections["keeps"])


def test_of_leads_it_counts_from_the_win() -> None:
    deals = frame(
        "deals",
        ["deal_id", "lead_id", "customer_id", "is_won", "closed_at"],
        [("d1", "l1", "a", True, "2024-02-01"), ("d2", "l2", None, False, "2024-02-01")],
    )
    found, sections = life_of_leads(
        shop_of([("1", "a", "2024-02-01", 1.0)], milestones=MILESTONES, deals=deals), pd.Timestamp("2025-01-01").date(),
        Horizon("90D"),
    )  # fmt: skip
    assert found["milestones per 90 days"].to_dict() == {"l1": 1.0}
    assert found["success tier"].to_dict() == {"l1": "Knight"}
    assert sections["left"] == []
