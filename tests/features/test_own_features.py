"""Features of the user's own: only what was known then, one value a customer, and a sentence where it is otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from cvo_ml import feature
from cvo_ml.core.errors import ConfigError, CvoError, ModelRefused, UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.core.visibility import visible_table
from cvo_ml.features import labelled_snapshots, snapshot, snapshots
from cvo_ml.features.customer import customer_features, scored_features
from cvo_ml.features.leak_gate import GateSample, check, provenance
from cvo_ml.features.own import NOBODY, FeatureFile, OwnFeatures, Trust
from cvo_ml.features.truncated_tables import changed_by_later_rows
from tests.builders import SHOP_CUT, frame, shop_of

DATES = [date(2023, 6, 1), date(2023, 9, 1), SHOP_CUT]
HEAD = "import pandas as pd\nimport numpy as np\nfrom cvo_ml import feature\n\n\n"
BIG = '''@feature(unit="days", reads=["orders"])
def days_since_big_order(orders, as_of):
    """Days since the last order above 100."""
    big = orders[orders["net"] > 40]
    return (as_of - big.groupby("customer_id")["ordered_at"].max()).dt.days
'''


def of(body: str, profile: tuple[str, ...] = (), declared: tuple[str, ...] = ()) -> OwnFeatures:
    """A trusted file ``mine.py`` with this body below its imports."""
    return OwnFeatures(profile, FeatureFile("mine.py", HEAD + body), Trust(everybody=True), declared)


def function(returns: str, reads: str = "orders", unit: str = "count") -> OwnFeatures:
    """One function ``mine`` that returns an expression."""
    return of(f'@feature(unit="{unit}", reads=["{reads}"])\ndef mine({reads}, as_of):\n    return {returns}\n')


def customers(*rows: tuple[object, ...], columns: tuple[str, ...] = ("loyalty_level",)) -> pd.DataFrame:
    """Customers with further columns."""
    return frame("customers", ["customer_id", *columns], rows)


@pytest.fixture(scope="module")
def people(shop: Tables) -> Tables:
    """The seeded shop, whose customers have a level, a number written as text, and names."""
    ids = shop.frames["customers"]["customer_id"]
    rows = [
        (name, ("none", "silver", "gold")[place % 3], str(place % 7), f"{name}@x") for place, name in enumerate(ids)
    ]
    more = customers(*rows, columns=("loyalty_level", "children", "login"))
    return Tables({**shop.frames, "customers": more.assign(country="DE")}, shop.currency)


class TestPointInTime:
    def test_a_function_gives_what_its_sql_gives_at_every_date(self, shop: Tables) -> None:
        """The same number by DuckDB over the raw orders, cut by hand."""
        found = snapshots(shop, DATES, own=[of(BIG)])["own.days_since_big_order"]
        orders = shop.orders
        for day in DATES:
            asked = (
                duckdb.sql(
                    f"SELECT customer_id, datediff('second', max(ordered_at), TIMESTAMP '{day}') // 86400 AS days "
                    f"FROM orders WHERE net > 40 AND ordered_at < TIMESTAMP '{day}' GROUP BY 1"
                )
                .df()
                .set_index("customer_id")["days"]
            )
            ours = found.loc[pd.Timestamp(day)]
            pd.testing.assert_series_equal(ours, asked.reindex(ours.index).astype("float64"), check_names=False)
        assert orders is shop.orders

    def test_rows_after_the_date_change_nothing(self, shop: Tables) -> None:
        other = BIG.replace("orders", "refunds").replace('"net"] > 40', '"amount"] > 0')
        other = other.replace("ordered_at", "refunded_at").replace("days_since_big_order", "days_since_refund")
        own = of(BIG + "\n\n" + other)
        assert changed_by_later_rows(lambda tables: snapshot(tables, DATES[1], [own]), shop, DATES[1]) == ()

    def test_a_function_that_looks_for_later_rows_finds_none(self, shop: Tables) -> None:
        latest = function('orders.groupby("customer_id")["ordered_at"].max().rsub(as_of).dt.total_seconds()')
        assert (snapshot(shop, SHOP_CUT, [latest])["own.mine"].dropna() > 0).all()

    def test_what_closing_a_ticket_tells_and_a_status_are_not_handed_out(self) -> None:
        tickets = frame(
            "tickets", ["customer_id", "opened_at", "closed_at", "minutes"],
            [("a", "2023-01-02", "2023-01-03", 5.0), ("a", "2023-01-04", "2023-03-01", 90.0)],
        )  # fmt: skip
        subscriptions = frame(
            "subscriptions", ["subscription_id", "customer_id", "status", "mrr", "started_at"],
            [("s", "a", "cancelled", 10.0, "2023-01-01")],
        )  # fmt: skip
        shop = shop_of([("1", "a", "2023-01-01", 5.0)], tickets=tickets, subscriptions=subscriptions)
        minutes = function('tickets.groupby("customer_id")["minutes"].sum()', "tickets")
        assert snapshot(shop, "2023-02-01", [minutes])["own.mine"].tolist() == [5.0]
        status = function('subscriptions.groupby("customer_id")["status"].last()', "subscriptions")
        with pytest.raises(UsageError, match=r"line 8: subscriptions\.status is not handed out"):
            snapshot(shop, "2023-02-01", [status])

    def test_lines_come_with_their_orders(self, shop: Tables) -> None:
        lines = function('order_lines.groupby("order_id")["quantity"].sum()', "order_lines")
        with pytest.raises(UsageError, match="not indexed by customer_id"):
            snapshot(shop, SHOP_CUT, [lines])
        joined = of(
            '@feature(unit="count", reads=["order_lines", "orders"])\ndef units(order_lines, orders, as_of):\n'
            '    return order_lines.merge(orders, on="order_id").groupby("customer_id")["quantity"].sum()\n'
        )
        known = shop.orders[shop.orders["ordered_at"] < pd.Timestamp(SHOP_CUT)]
        expected = shop.frames["order_lines"].merge(known, on="order_id").groupby("customer_id")["quantity"].sum()
        found = snapshot(shop, SHOP_CUT, [joined])["own.units"]
        assert found.equals(expected.reindex(found.index).rename("own.units"))

    def test_columns_of_customers_without_a_time_are_handed_to_functions_only_if_declared(self, people: Tables) -> None:
        level = of(
            '@feature(unit="category", reads=["customers"])\ndef level(customers, as_of):\n'
            '    return customers.set_index("customer_id")["loyalty_level"]\n'
        )
        with pytest.raises(UsageError, match=r"customers\.loyalty_level is not handed out.*known_at_conversion"):
            snapshot(people, SHOP_CUT, [level])
        told = OwnFeatures((), level.file, level.trust, ("loyalty_level",))
        assert snapshot(people, SHOP_CUT, [told])["own.level"].nunique() == 3

    def test_the_index_of_a_date_is_midnight(self, shop: Tables) -> None:
        day = function('pd.Series((as_of - pd.Timestamp("2023-01-01")).days, index=orders["customer_id"].unique())')
        found = snapshots(shop, DATES, own=[day])["own.mine"]
        assert found.groupby("as_of").first().tolist() == [(day - date(2023, 1, 1)).days for day in DATES]


class TestProfile:
    def test_numbers_and_categories_by_what_the_column_holds(self, people: Tables) -> None:
        found = snapshot(people, SHOP_CUT, [OwnFeatures(("profile.loyalty_level", "profile.children"))])
        assert found["profile.children"].dtype == np.float64
        assert set(found["profile.loyalty_level"].dropna()) == {"none", "silver", "gold"}

    def test_each_value_has_its_own_time(self) -> None:
        rows = customers(("a", "gold", "2023-01-05"), ("b", "gold", None), columns=("level", "level_known_at"))
        shop = shop_of([("1", "a", "2023-01-01", 5.0), ("2", "b", "2023-01-01", 5.0)], customers=rows)
        own = OwnFeatures(("profile.level",))
        own.prepare(shop, date(2023, 2, 1))
        found = snapshots(shop, ["2023-01-03", "2023-02-01"], own=[own])["profile.level"]
        assert found.fillna("").tolist() == ["", "", "gold", ""]
        assert own.provenance(shop) == {"profile.level": "known_at of each value"}

    def test_rows_that_say_when_they_became_known_need_no_word_of_their_owner(self) -> None:
        rows = customers(("a", "gold", "2023-01-05"), columns=("level", "known_at"))
        shop = shop_of([("1", "a", "2023-01-01", 5.0)], customers=rows)
        own = OwnFeatures(("profile.level",))
        found = snapshots(shop, ["2023-01-03", "2023-02-01"], own=[own])["profile.level"]
        assert found.fillna("").tolist() == ["", "gold"]
        assert provenance(["profile.level"], own=own.provenance(shop)) == {
            "profile.level": "customers, known_at of each row"
        }

    def test_one_of_today_is_the_owners_word(self, people: Tables) -> None:
        own = OwnFeatures(("profile.loyalty_level",))
        assert own.provenance(people) == {}
        with pytest.raises(ModelRefused, match=r"nobody knows when 'profile\.loyalty_level' became known"):
            provenance(["profile.loyalty_level"], own=own.provenance(people))

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("profile.loyality", r"no column 'loyality' \(did you mean 'loyalty_level'\?\); its profile columns are "
                                 "loyalty_level, "),
            ("profile.customer_id", "is an id, a time or a permission"),
            ("loyalty_level", "write profile.<column>"),
        ],
    )  # fmt: skip
    def test_what_is_no_profile_column_is_said_with_those_that_are(self, name: str, said: str, people: Tables) -> None:
        with pytest.raises(ConfigError, match=said):
            OwnFeatures((name,)).prepare(people, SHOP_CUT)

    @pytest.mark.parametrize(
        ("column", "value"), [("status", "active"), ("state", "churned"), ("total_spent", "9"), ("closed", "yes")]
    )
    def test_what_became_of_a_customer_is_refused_though_it_is_declared(self, column: str, value: str) -> None:
        shop = shop_of([("1", "a", "2023-01-01", 5.0)], customers=customers(("a", value), columns=(column,)))
        own = OwnFeatures((f"profile.{column}",), declared=(column,))
        with pytest.raises(ModelRefused, match=f"customers.{column}.*tells what became of a customer") as refused:
            own.prepare(shop, date(2023, 2, 1))
        assert refused.value.reason_code == "tells_the_outcome"
        replace(own, acknowledged=(f"profile.{column}",)).prepare(shop, date(2023, 2, 1))

    def test_a_code_that_knows_the_outcome_is_caught_by_its_strength_though_it_is_declared(self, shop: Tables) -> None:
        """Its name says nothing: two letters that today's system writes for who has left."""
        dates = [date(2023, 6, 1), date(2023, 8, 1)]
        found = labelled_snapshots(shop, dates, Horizon("45D"))
        y = (found.outcomes["orders"] == 0).to_numpy()
        last = np.asarray(found.features.index.get_level_values("as_of") == pd.Timestamp(dates[1]))
        left = set(found.features.index.get_level_values("customer_id")[last & y])
        ids = shop.frames["customers"]["customer_id"]
        people = customers(*((name, "QX" if name in left else "QA") for name in ids), columns=("code",))
        told = Tables({**shop.frames, "customers": people}, shop.currency)
        X = snapshots(told, dates, own=[OwnFeatures(("profile.code",))]).loc[found.features.index]
        sample = GateSample(X[last], y[last], X[last], y[last])
        with pytest.raises(ModelRefused, match=r"'profile\.code' alone reaches AUC") as refused:
            check(sample, ["days_since_last_order", "number_of_orders", "profile.code"], declared=["profile.code"])
        assert refused.value.reason_code == "dominant_column"

    def test_a_column_of_names_is_refused(self, people: Tables) -> None:
        own = OwnFeatures(("profile.login",))
        found = snapshots(people, DATES, own=[own])
        with pytest.raises(ConfigError, match="so it names people"):
            own.found(found)

    def test_a_bundles_kind_is_kept_whatever_the_column_holds_later(self, people: Tables) -> None:
        own = OwnFeatures(("profile.children",), kinds={"profile.children": "category"})
        assert snapshot(people, SHOP_CUT, [own])["profile.children"].dtype == "str"
        numbers = OwnFeatures(("profile.login",), kinds={"profile.login": "number"})
        assert snapshot(people, SHOP_CUT, [numbers])["profile.login"].isna().all()

    def test_they_come_along_wherever_features_are_assembled(self, people: Tables) -> None:
        own = [OwnFeatures(("profile.children",)), of(BIG)]
        names = ["profile.children", "own.days_since_big_order"]
        known, scored = customer_features(people, SHOP_CUT, own), scored_features(people, SHOP_CUT, own)
        assert known[names].equals(snapshot(people, SHOP_CUT, own)[names])
        assert scored.loc[known.index, names].equals(known[names])
        assert len(scored) >= len(known)


class TestAnswers:
    @pytest.mark.parametrize(
        ("returns", "said"),
        [
            ("None", "returns nothing: return a pandas Series"),
            ("5", "returns a int"),
            ('orders.groupby("customer_id").sum(numeric_only=True)', "returns a DataFrame"),
            ('orders["net"]', "not indexed by customer_id"),
            ('orders.set_index("customer_id")["net"]', "holds a customer twice"),
            ('orders.groupby(["customer_id", "order_id"])["net"].sum()', "2 index levels"),
            ('orders.groupby("customer_id")["ordered_at"].max()', "returns dates"),
            ('as_of - orders.groupby("customer_id")["ordered_at"].max()', r"returns durations.*\.dt\.days"),
            ('1 / (orders.groupby("customer_id")["net"].sum() * 0)', "values are infinite"),
            ('orders.groupby("customer_id")["net"].apply(list)', "neither all numbers nor all texts"),
            ('orders.groupby("customer_id")["nett"].sum()', "KeyError.*nett.*orders has customer_id|nett"),
            ('1 / 0', "line 8: raises ZeroDivisionError: division by zero"),
        ],
    )  # fmt: skip
    def test_a_wrong_one_is_one_sentence_with_file_function_and_line(
        self, returns: str, said: str, shop: Tables
    ) -> None:
        with pytest.raises(UsageError, match=said) as refused:
            snapshot(shop, SHOP_CUT, [function(returns)])
        assert str(refused.value).startswith("mine.py, mine, line ")
        assert "\n" not in str(refused.value)

    def test_an_error_does_not_name_a_customer(self, shop: Tables) -> None:
        with pytest.raises(UsageError, match="its words name a customer") as refused:
            snapshot(shop, SHOP_CUT, [function('orders.set_index("customer_id").loc["c003", "net"] + {}["c003"]')])
        assert "c003" not in str(refused.value)

    def test_a_function_cannot_change_what_others_see(self, shop: Tables) -> None:
        spoils = function('orders.assign(n=orders.__setitem__("net", 0.0)).groupby("customer_id")["net"].sum()')
        before = shop.orders.copy()
        found = snapshot(shop, SHOP_CUT, [spoils, of(BIG)])
        assert found["own.mine"].eq(0).all()
        assert found["own.days_since_big_order"].notna().any()
        assert shop.orders.equals(before)

    def test_whole_numbers_flags_texts_and_nothing_are_taken(self, shop: Tables) -> None:
        by = 'orders.groupby("customer_id")["net"]'
        for returns in (f"{by}.size()", f"{by}.sum() > 50", f"{by}.size().astype(object)", f"{by}.sum().iloc[:0]"):
            assert snapshot(shop, SHOP_CUT, [function(returns)])["own.mine"].dtype == np.float64
        texts = snapshot(shop, SHOP_CUT, [function(f'{by}.size().map(lambda n: "many" if n > 3 else "few")')])
        assert set(texts["own.mine"].dropna()) == {"many", "few"}

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ('orders.groupby("customer_id")["net"].sum() * np.random.default_rng().uniform()', "two calls"),
            ('orders.groupby("customer_id")["net"].first()', "rows come in another order"),
            ('orders.groupby("customer_id")["net"].sum().rank()', "other customers are left out"),
        ],
    )
    def test_chance_the_order_of_rows_and_other_customers_are_found(self, body: str, said: str, shop: Tables) -> None:
        with pytest.raises(UsageError, match=f"mine.py, mine, line 6: .*{said}"):
            function(body).prepare(shop, SHOP_CUT)

    def test_a_sum_in_another_order_is_the_same(self, shop: Tables) -> None:
        own = function('orders.groupby("customer_id")["net"].sum() / 3')
        own.prepare(shop, SHOP_CUT)  # is not refused
        net = visible_table(shop, "orders", SHOP_CUT).groupby("customer_id")["net"].sum()
        pd.testing.assert_series_equal(
            own.at(shop, [SHOP_CUT]).droplevel("as_of")["own.mine"], net / 3, check_names=False, check_index_type=False
        )

    def test_a_table_that_the_shop_does_not_have_is_said_before_anything_is_learnt(self, shop: Tables) -> None:
        own = function('tickets.groupby("customer_id").size()', "tickets")
        with pytest.raises(UsageError, match="reads 'tickets', a table that this shop does not have"):
            own.prepare(shop, SHOP_CUT)
        assert snapshot(shop, SHOP_CUT, [own])["own.mine"].isna().all()  # a night without tickets

    def test_the_order_of_the_files_rows_changes_nothing(self, shop: Tables) -> None:
        first = function('orders.groupby("customer_id")["net"].first()')
        turned = Tables({**shop.frames, "orders": shop.orders.iloc[::-1].reset_index(drop=True)}, shop.currency)
        assert snapshot(shop, SHOP_CUT, [first])["own.mine"].equals(snapshot(turned, SHOP_CUT, [first])["own.mine"])


class TestTheFile:
    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ("def broken(:\n    pass\n", r"mine.py, line 6: is not Python"),
            ("x = 1\n", "declares no feature"),
            ("raise ValueError('no')\n", r"mine.py, line 6: ValueError: no"),
            ("import my_other_file\n", r"line 6: ModuleNotFoundError.*installed packages"),
            ('@feature(unit="d", reads=["order"])\ndef f(order, as_of):\n    return order\n', "did you mean 'orders'"),
            ('@feature(unit="d", reads=["orders"])\ndef f(orders):\n    return orders\n', r"def f\(orders, as_of\)"),
        ],
    )
    def test_a_wrong_one_is_one_sentence_with_its_line(self, body: str, said: str, shop: Tables) -> None:
        with pytest.raises(ConfigError, match=said):
            snapshot(shop, SHOP_CUT, [of(body)])

    def test_what_a_function_prints_stands_not_among_results(
        self, shop: Tables, capsys: pytest.CaptureFixture[str]
    ) -> None:
        snapshot(shop, SHOP_CUT, [of("print('hello')\n\n\n" + BIG)])
        said = capsys.readouterr()
        assert (said.out, said.err) == ("", "hello\n")

    def test_a_file_that_is_not_there_or_not_text_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            FeatureFile.read(tmp_path / "nowhere.py")
        (tmp_path / "latin.py").write_bytes("# ä".encode("latin-1"))
        with pytest.raises(ConfigError, match="not UTF-8"):
            FeatureFile.read(tmp_path / "latin.py")

    def test_its_bytes_are_kept_as_they_are(self, tmp_path: Path) -> None:
        content = ("\ufeff" + HEAD + BIG).replace("\n", "\r\n").encode()
        (tmp_path / "mine.py").write_bytes(content)
        assert FeatureFile.read(tmp_path / "mine.py").text.encode() == content

    def test_it_is_not_run_by_who_does_not_trust_it(self, shop: Tables, tmp_path: Path) -> None:
        marker = tmp_path / "ran"
        own = OwnFeatures((), FeatureFile("mine.py", f"open({str(marker)!r}, 'w')\n" + HEAD + BIG), NOBODY)
        with pytest.raises(ModelRefused, match="trusted code") as refused:
            snapshot(shop, SHOP_CUT, [own])
        assert refused.value.reason_code == "untrusted_code"
        assert not marker.exists()

    def test_one_name_for_two_things_is_refused(self, shop: Tables) -> None:
        by = 'orders.groupby("customer_id")["net"]'
        own = [function(f"{by}.sum()"), function(f"{by}.max()")]
        with pytest.raises(CvoError, match=r"carry different features called 'own\.mine'"):
            snapshot(shop, SHOP_CUT, own)


def test_a_declared_function_stays_a_function() -> None:
    @feature(unit="count", reads="orders")
    def orders_so_far(orders: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
        """Orders."""
        return orders.groupby("customer_id").size()

    assert orders_so_far(pd.DataFrame({"customer_id": ["a", "a"]}), pd.Timestamp("2023-01-01")).tolist() == [2]
