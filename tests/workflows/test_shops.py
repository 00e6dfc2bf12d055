"""From options to a shop."""

from pathlib import Path

import pytest

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import CvoError, UsageError
from cvo_ml.core.workspace import Workspace
from cvo_ml.workflows.shops import choose_shop, columns_of, save_shop

NOWHERE = Workspace(Path("nowhere"), Path("nowhere"))
COLUMNS = "customer_id=c,ordered_at=d,net=n"


def test_headers_may_hold_commas_and_equal_signs() -> None:
    assert columns_of('a=x,"b=Total, net",c="q=r"') == {"a": "x", "b": "Total, net", "c": "q=r"}


@pytest.mark.parametrize("text", ["customer_id", "=x", "a=", "a=x,a=y"])
def test_a_mapping_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--columns"):
        columns_of(text)


def test_a_saved_shop_reads_back_as_the_same_shop(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("c,d,n\n")
    shop = choose_shop(NOWHERE, data=tmp_path / "orders.csv", columns=COLUMNS, date_format="%d.%m.%Y")
    again = load_config(save_shop(shop, tmp_path / "shop.yaml"), ShopConfig)
    assert again.model_dump() == shop.model_dump()


@pytest.mark.parametrize("written", ["\t", r"\t"])
def test_a_tabulator_may_be_written_as_the_messages_say(written: str, tmp_path: Path) -> None:
    (tmp_path / "o.tsv").write_text("c\td\tn\n")
    shop = choose_shop(NOWHERE, data=tmp_path / "o.tsv", columns=COLUMNS, delimiter=written)
    assert shop.source.delimiter == "\t"


def test_without_options_the_sample_is_chosen() -> None:
    assert choose_shop(NOWHERE).name == "online_retail"


def test_a_shop_may_be_named_as_it_is_called_in_the_configuration() -> None:
    assert choose_shop(NOWHERE, shop=Path("online_retail")).currency == "GBP"


@pytest.mark.parametrize(
    ("data", "shop", "columns", "words"),
    [
        (Path("a.csv"), Path("b.yaml"), "", "two sources"),
        (None, None, "a=b", "name it too"),
        (Path("shop.yaml"), None, "", "--shop shop.yaml"),
        (None, Path("nowhere/at/all.yaml"), "", "^nowhere/at/all.yaml: cannot be read"),
        (None, Path("nosuchshop.yaml"), "", "^nosuchshop.yaml: cannot be read"),
    ],
)
def test_options_that_contradict_are_refused(data, shop, columns, words) -> None:
    with pytest.raises(CvoError, match=words):
        choose_shop(NOWHERE, data=data, shop=shop, columns=columns)
