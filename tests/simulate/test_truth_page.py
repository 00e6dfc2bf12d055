"""docs/truth.md says what the truth holds, and every table of every preset's truth is what it says."""

import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.simulate import preset_names, simulate_saas, simulate_shop
from cvo_ml.simulate.known import PLANTED, SAAS_TRUTH, SHOP_TRUTH, UNITS
from tools.truth_page import PAGE, page

ON_REQUEST = {"defects", "broken_references"}


def test_the_page_is_written_from_what_is_known():
    assert PAGE.read_text(encoding="utf-8") == page(), "run 'make docs'"


def test_every_unit_is_of_the_list():
    assert {c.unit for table in (*SHOP_TRUTH, *SAAS_TRUTH) for c in table.columns} == set(UNITS)
    assert {planted.unit for planted in PLANTED} <= set(UNITS)


@pytest.mark.parametrize("preset", [*preset_names("shop"), *preset_names("saas")])
def test_every_table_of_the_truth_has_known_columns(preset: str):
    is_vendor = preset in preset_names("saas")
    made = simulate_saas(preset, 300, tables=["orders"]) if is_vendor else simulate_shop(preset, 60, tables=["orders"])
    known = {table.name: table for table in (SAAS_TRUTH if is_vendor else SHOP_TRUTH)}
    for name, frame in made.truth.frames.items():
        assert set(frame.columns) <= {column.name for column in known[name].columns}, name
        if preset.endswith("_full"):
            assert list(frame.columns) == [column.name for column in known[name].columns if column.name in frame]
    if preset.endswith("_full"):
        assert set(made.truth.frames) == set(known) - ON_REQUEST
        for name, frame in made.truth.frames.items():
            assert set(frame.columns) == {column.name for column in known[name].columns}, name


def test_shares_and_probabilities_lie_between_0_and_1():
    shop, saas = simulate_shop("shop_full", 400, tables=["orders"]), simulate_saas("saas_full", 500, tables=["orders"])
    for truth, tables in ((shop.truth, SHOP_TRUTH), (saas.truth, SAAS_TRUTH)):
        for table in tables:
            for column in table.columns:
                if column.unit == "probability" and table.name not in ON_REQUEST:
                    assert truth.table(table.name)[column.name].between(0, 1).all(), (table.name, column.name)


def test_baits_have_the_neutral_size():
    truth = simulate_shop("shop_full", 50, tables=["orders"]).truth
    assert set(truth.table("anomalies")["kind"]) == {planted.kind for planted in PLANTED}
    assert truth.planted("page").to_dict() == {"size_guide": 0.4, "wish_list": 0.0}
    assert truth.planted("level_shift")["new logo"] == 1.0


def test_what_is_not_known_is_refused_with_the_nearest_name():
    truth = simulate_shop("shop_full", 20, tables=["orders"]).truth
    with pytest.raises(UsageError, match="did you mean 'deliveries'"):
        truth.table("delivery")
    with pytest.raises(UsageError, match="did you mean 'loyal_city'"):
        truth.planted("loyal_cities")
    with pytest.raises(UsageError, match="no table 'features'"):
        simulate_saas("saas", 20, tables=["orders"]).truth.table("features")
