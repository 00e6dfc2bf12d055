"""What a shop's segments look like in words."""

from cvo_ml.config.loader import config_dir, load_config
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.report.segment_profile import levels_begin
from cvo_ml.segments import fit_edges
from tests.segments.customers import rfm

TABLE = rfm(*[(float(20 * i), 1.0 + i, 50.0 + i) for i in range(20)])


def test_levels_that_were_declared_begin_where_the_policy_says() -> None:
    fixed = load_config(config_dir() / "policies/segments_fixed.yaml", SegmentPolicy)
    rows = {row[0]: row[1:] for row in levels_begin(fit_edges(TABLE, fixed)).rows}
    assert rows["F: orders"] == ("fixed", "below 2", "from 2", "from 3", "from 5", "from 10")
    assert rows["R: days since the last order"][1:] == ("over 365", "over 270", "over 180", "over 30", "to 30")


def test_levels_that_were_cut_end_at_a_customer() -> None:
    rows = {row[0]: row[1:] for row in levels_begin(fit_edges(TABLE, SegmentPolicy(scale=3))).rows}
    assert rows["F: orders"][1].startswith("to ")
    assert rows["F: orders"][2].startswith("over ")
