"""FAULT-S6: a name becomes a path only as a slug, and no path that is made of names leaves its folder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cvo_ml.config.gates import gates_file
from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ConfigError, CvoError, DataError, UsageError
from cvo_ml.core.paths import inside
from cvo_ml.core.workspace import Workspace
from cvo_ml.registry.bundles.bundle import Bundle, save_bundle
from cvo_ml.registry.bundles.export import export
from cvo_ml.registry.tracking import Tracker
from cvo_ml.registry.tracking.names import RegisteredNames
from cvo_ml.simulate.folder import read_simulated_shop
from cvo_ml.workflows.models import ModelRequest, show_model

#: Names that people may see, some of people who mean no harm; the last three hold nothing to register under.
PRINTABLE = (
    "x/../../T", "/etc/passwd", "CON", "a' or name='b", "a" * 200,
    "..", "*", "東京",
)  # fmt: skip
UNSEEN = ("a\x1b[2Jb", "a\nb", "a\rb", "a\x00b", "a\u202eb", "a\u200bb", "a\x9bb", "a\u2028b")
NO_FILE = ("..", ".", "", "a/b", "/a", "a\\b", "C:", "CON", "con.csv", "a.", "a ", "a" * 256, "a*")
NO_PREFIX = ("../", "../../x/", "/x", "a/b.", "a..b", ".a", "a\x1b", "a\n", "a' or name='b", "%", "a:", "ü")
SHOP = "name: %s\ncurrency: EUR\nsource: {path: o.csv}\ncolumns: {customer_id: c, order_id: i, ordered_at: d, net: n}\n"


def shop_named(name: str, folder: Path) -> ShopConfig:
    file = folder / "shop.yaml"
    file.write_text(SHOP % json.dumps(name), encoding="utf-8")
    return load_config(file, ShopConfig)


def everything_in(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


def test_whatever_a_shop_is_called_its_models_lie_in_the_store(tmp_path: Path) -> None:
    """FAULT-S6: ``x/../../T`` wrote outside, over existing files."""
    root, store = tmp_path / "deep" / "in", tmp_path / "deep" / "in" / "mlruns"
    bundle = Bundle("churn", "churn.recency_logistic", {"intercept": 0.1, "slope": 1.0, "reference": 3.0})
    saved = save_bundle(bundle, root / "bundle")
    for name in PRINTABLE[:-3]:
        shop = shop_named(name, root)
        tracker = Tracker(store, shop.name)
        registered = tracker.registered_name("churn")
        assert re.fullmatch(r"[a-z0-9_]+-churn", registered)
        with tracker.run("churn", f"{shop.name} churn") as run:
            tracker.register(run.log_bundle(saved), "churn", {"shop": shop.name})
        assert (store / "artifacts" / registered).is_dir()
    assert {path.name for path in root.iterdir()} == {"bundle", "shop.yaml", "mlruns"}
    assert {path for path in everything_in(tmp_path) if len(path.parts) < 3} == {Path("deep"), Path("deep/in")}


@pytest.mark.parametrize("name", PRINTABLE[-3:])
def test_a_name_that_makes_no_slug_says_so(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no letter a-z and no digit in its name"):
        RegisteredNames(shop_named(name, tmp_path).name).of("clv")


@pytest.mark.parametrize("name", [*UNSEEN, "", "a" * 201])
def test_a_name_that_cannot_be_shown_is_refused(name: str, tmp_path: Path) -> None:
    """FAULT-S6: ESC and line ends came into names of files."""
    with pytest.raises(ConfigError) as refused:
        shop_named(name, tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / 'shop.yaml'}: ")
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(("name", "registered"), [("online_retail", "online_retail-clv"), ("My Shop", "my_shop-clv"),
                                                  ("my-shop", "my_shop-clv"), ("Café Zürich", "cafe_zurich-clv"),
                                                  ("فروشگاه\u200cها 24", "24-clv")])  # fmt: skip
def test_names_that_were_valid_stay_what_they_were(name: str, registered: str, tmp_path: Path) -> None:
    assert RegisteredNames(shop_named(name, tmp_path).name).of("clv") == registered


@pytest.mark.parametrize("prefix", NO_PREFIX)
def test_a_prefix_is_a_catalog_and_a_schema_and_nothing_else(prefix: str) -> None:
    """FAULT-S6: a prefix of the environment went into the folder of artifacts as it was."""
    with pytest.raises(UsageError, match="no beginning of registered names"):
        RegisteredNames("a", prefix)
    assert RegisteredNames("a", "catalog.schema.").of("clv") == "catalog.schema.a-clv"


class TestInside:
    @pytest.mark.parametrize("name", [*UNSEEN, *NO_FILE])
    def test_what_is_no_name_of_a_file_leads_nowhere(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="is no name of a file") as refused:
            inside(tmp_path, "a", name)
        assert str(refused.value).isprintable()

    def test_a_link_does_not_lead_out(self, tmp_path: Path) -> None:
        (tmp_path / "root").mkdir()
        (tmp_path / "root" / "link").symlink_to(tmp_path)
        (tmp_path / "root" / "own").mkdir()
        (tmp_path / "root" / "alias").symlink_to(tmp_path / "root" / "own")
        with pytest.raises(UsageError, match="a link leads out of"):
            inside(tmp_path / "root", "link", "x")
        assert inside(tmp_path / "root", "alias", "x").name == "x"

    def test_a_root_may_be_a_link_itself(self, tmp_path: Path) -> None:
        (tmp_path / "big").mkdir()
        (tmp_path / "root").symlink_to(tmp_path / "big")
        assert inside(tmp_path / "root", "x") == tmp_path / "root" / "x"


@pytest.mark.parametrize("name", ["../x", "x/../../T", "\x1b", "..", "a" * 300])
def test_names_of_models_platforms_and_dossiers_stay_inside(name: str, tmp_path: Path) -> None:
    place = Workspace(tmp_path / "out", tmp_path / "mlruns")
    bundle = Bundle(name, "churn.recency_logistic", {"slope": 1.0})
    for leaves in (
        lambda: place.audience(f"{name}/x"),
        lambda: gates_file(name, tmp_path / "models"),
        lambda: export(bundle, "card", tmp_path / "dossiers"),
        lambda: show_model(ModelRequest(name=name), place),
    ):
        with pytest.raises(UsageError):
            leaves()
    assert everything_in(tmp_path) == set()


def test_a_simulated_folder_reads_nothing_beside_it(tmp_path: Path) -> None:
    """Its manifest names files; a foreign one named others."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "orders.parquet").write_bytes(b"secret")
    manifest = {
        "format": 1, "kind": "shop", "seed": 1, "config": {}, "config_hash": "", "defects": {}, "notes": [],
        "files": {"../orders.parquet": {"rows": 1, "sha256": "0" * 64}},
    }  # fmt: skip
    (tmp_path / "shop" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises((UsageError, DataError)) as refused:
        read_simulated_shop(tmp_path / "shop")
    assert "differs from the manifest" not in str(refused.value)


def test_a_path_with_a_nul_is_a_wrong_configuration(tmp_path: Path) -> None:
    """It was a traceback."""
    file = tmp_path / "shop.yaml"
    file.write_text((SHOP % "s").replace("o.csv", '"o\\0.csv"'))
    with pytest.raises(CvoError, match="holds NUL"):
        load_config(file, ShopConfig)
